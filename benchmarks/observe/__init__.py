"""The same work with and without telemetry, side by side."""
