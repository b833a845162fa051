"""The same service in Django and in FastAPI, and Tandem's own reads, measured side by side."""
