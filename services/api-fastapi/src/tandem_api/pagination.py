"""Opaque cursors: where a page ended, in a form that nobody builds by hand."""

import base64
import binascii
import json
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError
from tandem_api.problems.schemas import FieldError

KeyT = TypeVar("KeyT")

MAXIMUM_PAGE = 100
DEFAULT_PAGE = 20
MAXIMUM_CURSOR = 1024


def encode_cursor(key: object) -> str:
    """The cursor of a key that JSON can express."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, form: TypeAdapter[KeyT]) -> KeyT:
    """The key in a cursor; a problem for the caller when we did not make it."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return form.validate_json(content)
    except (binascii.Error, ValidationError, ValueError):
        raise invalid_cursor() from None


def invalid_cursor() -> ProblemError:
    error = FieldError(detail="not a cursor of this list; begin without one", parameter="cursor")
    return ProblemError(types.INVALID_REQUEST, errors=[error])
