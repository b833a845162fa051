"""A stand-in for an external card payment provider, with declines and faults on demand."""
