"""What every measurement needs: servers, a machine's facts, and results as people read them."""
