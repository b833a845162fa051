"""When a delivery that failed is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import uniform

FIRST_SECONDS, FACTOR, LONGEST_SECONDS = 5.0, 4.0, 6 * 3600.0
JITTER = (0.8, 1.2)


def backoff(attempts: int) -> timedelta:
    """The pause behind the attempt of this number, the first being 1: 5 s, 20 s, 80 s, 5 min, 21 min … 6 h.

    With jitter, so that what failed together does not come back together.
    """
    seconds = min(FIRST_SECONDS * FACTOR ** min(attempts - 1, 20), LONGEST_SECONDS)
    return timedelta(seconds=seconds * uniform(*JITTER))  # noqa: S311 - not a secret


def retry_after(value: str | None, now: datetime, *, at_most: timedelta) -> timedelta | None:
    """The pause that an answer's Retry-After asks for: seconds, or a date; None when it says nothing readable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        pause = timedelta(seconds=min(int(value[:9]), at_most.total_seconds()))
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        pause = when.replace(tzinfo=when.tzinfo or UTC) - now
    return max(timedelta(), min(pause, at_most))
