"""The whole system on a real Kubernetes, as its charts bring it up."""
