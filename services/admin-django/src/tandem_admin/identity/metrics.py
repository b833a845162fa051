"""How the keys stand that sign tokens."""

from allauth.idp.oidc.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from prometheus_client import Gauge

SIGNING_KEY_AGE = Gauge("tandem_signing_key_age_seconds", "Since when the key signs that signs now; NaN when unknown.")
SIGNING_KEY_LEFT = Gauge("tandem_signing_key_left_seconds", "For how long there are keys to sign with; +Inf: for ever.")


def watch_signing_keys() -> None:
    """Have the keys looked at whenever somebody reads the metrics."""
    SIGNING_KEY_AGE.set_function(signing_key_age)
    SIGNING_KEY_LEFT.set_function(signing_key_left)


def signing_key_age() -> float:
    try:
        since = get_adapter().get_signing_key().not_before
    except ImproperlyConfigured:  # there is none: what is left says so
        since = None
    return float("nan") if since is None else float((timezone.now() - since).total_seconds())


def signing_key_left() -> float:
    """Seconds until the last of the keys that are there ends; those whose time is still to come count too."""
    ends = [key.expires_at for key in get_adapter().list_private_keys(is_active=True)]
    if None in ends:
        return float("inf")
    return float(max(((end - timezone.now()).total_seconds() for end in ends), default=0.0))
