"""Postgres, as its clients feel it. The server's own figures are its exporter's and have dashboards of their own."""

from observability.dashboards.model import Dashboard, Panel, Query, Row, gauge, rate


def _connections(state: str) -> str:
    return gauge("sum", "tandem_database_pool_connections", by="job, instance", where=f'state="{state}"')


POSTGRES = Dashboard(
    name="postgres",
    title="Postgres",
    description="The database as its clients feel it: connections, waiting, transactions that hold others up.",
    services=".+",
    rows=(
        Row(
            "Connections",
            (
                Panel(
                    title="Connections of the pools",
                    description="By service: in use, open and idle, and how many there may be.",
                    unit="short",
                    runbook="TandemPoolExhausted",
                    queries=(
                        Query(gauge("sum", "tandem_database_pool_connections", by="job, state"), "{{job}}: {{state}}"),
                    ),
                ),
                Panel(
                    title="Share of the connections in use",
                    description="At 100 % requests and events wait for one.",
                    unit="percentunit",
                    warn=0.8,
                    bad=1,
                    runbook="TandemPoolExhausted",
                    queries=(
                        Query(
                            f"{_connections('in_use')} / {_connections('limit')}",
                            "{{job}} {{instance}}",
                        ),
                    ),
                ),
                Panel(
                    title="Requests turned away for want of a connection",
                    description="Answered with 503 at once, a second: others waited already.",
                    unit="reqps",
                    bad=0.1,
                    runbook="TandemPoolExhausted",
                    queries=(Query(rate("tandem_api_requests_shed_total", where='for="database"'), "turned away"),),
                ),
            ),
        ),
        Row(
            "What holds others up",
            (
                Panel(
                    title="Oldest transaction",
                    description="Writing: holds back the events it stated and the locks it took. Either keeps vacuum"
                    " away, which slows the relay down.",
                    unit="s",
                    warn=60,
                    bad=300,
                    runbook="TandemLongTransaction",
                    queries=(
                        Query(gauge("max", "tandem_database_oldest_transaction_age_seconds", by="kind"), "{{kind}}"),
                    ),
                ),
                Panel(
                    title="Attempts made again because of the database",
                    description="Deadlocks, time-outs, lost connections: a second, by consumer, and the relay's.",
                    unit="ops",
                    warn=1,
                    queries=(
                        Query(
                            rate("tandem_consumer_retries_total", by="consumer", where='reason="database"'),
                            "{{consumer}}",
                        ),
                        Query(rate("tandem_relay_failures_total", where='reason="database"'), "relay"),
                    ),
                ),
                Panel(
                    title="Stock that does not agree with its ledger",
                    description="Products whose balance is not the sum of their ledger. Not 0: the data is damaged.",
                    unit="short",
                    bad=1,
                    runbook="TandemStockLedgerMismatch",
                    page="/admin/inventory/stock/",
                    queries=(Query(gauge("max", "tandem_stock_ledger_mismatches"), "products"),),
                ),
            ),
        ),
    ),
)
