"""What the charts render, judged without a cluster."""
