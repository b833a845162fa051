"""What an idle event stream costs a pod of the API."""
