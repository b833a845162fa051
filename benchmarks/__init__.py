"""What is measured, against what; the last results are in `results/`."""
