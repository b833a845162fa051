"""What staff do about webhooks. The caller owns the transaction."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from tandem_contracts.webhooks import new_signing_secret
from tandem_runtime.tracing import trace_headers

from tandem_admin.webhooks.models import Delivery, DeliveryRequest, Endpoint, SigningSecret

State = Endpoint.State


def create_endpoint(endpoint: Endpoint) -> str:
    """Save a new endpoint with its first secret, which is returned: nobody here can read it again."""
    endpoint.save(force_insert=True)
    return _new_secret(endpoint)


def change_endpoint(endpoint: Endpoint) -> None:
    """Save what staff may change; the rest of the row is the worker's, and may have changed meanwhile."""
    endpoint.save(update_fields=["url", "description", "event_types"])


def enable(endpoint: Endpoint) -> None:
    """Send what waits, and all that happens from now on."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        state=State.ENABLED, disabled_at=None, disabled_reason="", is_held=False
    )


def disable(endpoint: Endpoint, reason: str) -> None:
    """Send nothing any more until staff enable it again; the partner can read why."""
    Endpoint.objects.filter(pk=endpoint.pk, state=State.ENABLED).update(
        state=State.DISABLED, disabled_at=timezone.now(), disabled_reason=reason, is_held=True
    )


def rotate_secret(endpoint: Endpoint, *, former_valid_hours: int) -> str:
    """Give the endpoint a new secret and return it; former ones sign beside it for so long at most."""
    until = timezone.now() + timedelta(hours=former_valid_hours)
    still_good = Q(expires_at__isnull=True) | Q(expires_at__gt=until)
    SigningSecret.objects.filter(still_good, endpoint=endpoint).update(expires_at=until)
    return _new_secret(endpoint)


def request_resend(deliveries: Iterable[Delivery], *, requested_by: str, why: str) -> list[Delivery]:
    """Ask the worker to send deliveries again; returns those about which that was not asked already."""
    asked = list(deliveries)
    waiting = set(
        DeliveryRequest.objects.filter(delivery__in=asked, carried_out_at=None).values_list("delivery_id", flat=True)
    )
    news = [delivery for delivery in asked if delivery.pk not in waiting]
    DeliveryRequest.objects.bulk_create(
        DeliveryRequest(
            endpoint_id=delivery.endpoint_id,
            delivery=delivery,
            requested_by=requested_by,
            why=why,
            traceparent=trace_headers().get("traceparent", ""),
        )
        for delivery in news
    )
    return news


def request_test(endpoint: Endpoint, *, requested_by: str) -> None:
    """Ask the worker to send a test event."""
    DeliveryRequest.objects.create(
        endpoint=endpoint, requested_by=requested_by, traceparent=trace_headers().get("traceparent", "")
    )


def why_not_resend(delivery: Delivery) -> str | None:
    """Why it makes no sense to send the delivery again; None when it does."""
    if delivery.state == Delivery.State.PENDING:
        return "It is going to be sent anyway."
    endpoint = delivery.endpoint
    if endpoint.deleted_at or endpoint.state != State.ENABLED:
        return "Its endpoint is not enabled."
    return None


def _new_secret(endpoint: Endpoint) -> str:
    secret = new_signing_secret()
    SigningSecret.objects.create(endpoint=endpoint, secret=secret)
    return secret
