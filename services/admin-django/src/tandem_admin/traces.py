"""Traces as staff see them: an id, and a link where the traces can be looked at."""

from django.conf import settings

TRACEPARENT_FIELDS = 4


def trace_id_of(traceparent: str) -> str:
    """The trace's id in a W3C traceparent, empty when there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == TRACEPARENT_FIELDS else ""


def trace_url(trace_id: str) -> str:
    """The trace's page by TANDEM_TRACE_URL; empty without it."""
    return settings.TRACE_URL.format(trace_id=trace_id) if settings.TRACE_URL and trace_id else ""
