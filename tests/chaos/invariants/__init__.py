"""What must be true whatever happened: each a function of the evidence that yields what contradicts it."""
