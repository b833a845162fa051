"""The worker: publishes the outbox, and carries orders through."""
