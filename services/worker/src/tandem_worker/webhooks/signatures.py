"""How a partner knows that a message is ours: https://www.standardwebhooks.com, symmetric signatures."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from tandem_contracts.webhooks import SECRET_PREFIX


def signature_headers(message_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a message; one signature for each secret, so that the receiver may know any of them.

    `timestamp` is in seconds since the epoch: receivers refuse what is minutes old, so each attempt has its own.
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
