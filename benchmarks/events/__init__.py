"""The event backbone, measured: `make bench-events`. docs/performance.md tells what each figure means."""
