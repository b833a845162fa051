"""How an operation comes to its end: announced in the description and in every answer, and then gone.

RFC 9745 (Deprecation), RFC 8594 (Sunset), RFC 8288 (Link).
"""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends
from starlette.requests import Request


def deprecated(*, since: date, sunset: date, successor: str) -> dict[str, Any]:
    """Keyword arguments for the decorator of a route that will be gone at `sunset`; `successor` is a path or a page."""
    announcement = {
        "Deprecation": f"@{int(_midnight(since).timestamp())}",
        "Sunset": format_datetime(_midnight(sunset), usegmt=True),
        "Link": f'<{successor}>; rel="successor-version"',
    }

    async def announce(request: Request) -> None:
        request.state.answer_headers |= announcement

    return {
        "deprecated": True,
        "dependencies": [Depends(announce)],
        "openapi_extra": {"x-deprecated-since": since.isoformat(), "x-sunset": sunset.isoformat()},
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
