"""The dashboards, in the order in which an operator meets them."""

from observability.dashboards.admin import ADMIN
from observability.dashboards.api import API
from observability.dashboards.kafka import KAFKA
from observability.dashboards.outbox import OUTBOX
from observability.dashboards.overview import OVERVIEW
from observability.dashboards.postgres import POSTGRES
from observability.dashboards.telemetry import TELEMETRY
from observability.dashboards.worker import WORKER

DASHBOARDS = (OVERVIEW, API, ADMIN, WORKER, OUTBOX, POSTGRES, KAFKA, TELEMETRY)
