"""What is shown, proven against the running system: `python -m observability.live check`, and `alerts`."""
