"""Grafana's dashboards, as code: `python -m observability generate` writes the files in json/."""
