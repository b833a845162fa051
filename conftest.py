"""Every test of the repository may ask for the real Postgres and Kafka that tandem_local starts."""

pytest_plugins = ["tandem_local.testing"]
