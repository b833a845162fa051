"""The back office, measured: `make bench-back-office`. docs/performance.md tells what each figure means."""
