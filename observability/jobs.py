"""How queries tell services apart that emit the same metric: by the name of their scrape job.

A job ends with its service's name, whatever is before it: `api`, `tandem-api`, `shop/tandem-api` as the Prometheus
operator names it. Prometheus anchors patterns at both ends.
"""


def job_of(service: str) -> str:
    """A pattern of the service's job names."""
    return f"(.*[/-])?{service}"


API = job_of("api")
ADMIN = job_of("admin")
RELAY = job_of("worker-relay")
WORKERS = job_of("worker-.+")
ALL = job_of("(admin|api|worker-.+|payment-sandbox)")
# The collectors' own figures, as the chart dev-observability has Prometheus name them.
COLLECTORS = job_of("otel-(agent|gateway)")
