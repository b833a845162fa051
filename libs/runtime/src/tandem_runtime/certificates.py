"""When the certificates end that a process meets."""

import ssl
from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

NOT_AFTER = Gauge("tandem_certificate_not_after_seconds", "When the certificate ends, since 1970.", ["of"])


def note_certificate(of: str, *certificates: Mapping[str, Any] | None) -> None:
    """Note the first end of these, as `ssl` describes them; none is nothing to note."""
    if ends := [ssl.cert_time_to_seconds(one["notAfter"]) for one in certificates if one]:
        NOT_AFTER.labels(of=of).set(min(ends))
