"""The same small service, as each framework's users would write it."""
