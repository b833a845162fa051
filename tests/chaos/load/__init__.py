"""What customers and staff do meanwhile, and what they were answered."""
