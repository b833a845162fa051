"""Where things are: change them here and run `python -m observability generate`."""

RUNBOOKS = "https://github.com/OWNER/REPOSITORY/blob/main/observability/runbooks"
GRAFANA = "https://grafana.example.com"
BACK_OFFICE = "https://admin.example.com"
# Grafana's data sources of logs and traces, by their uid.
LOGS = "loki"
TRACES = "tempo"
