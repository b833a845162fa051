"""Declines and faults, chosen by the last two digits of the amount that a call moves. README.md has the table."""

from enum import IntEnum

from payment_sandbox.schemas import DeclineCode

SLOW_SECONDS = 3
HANG_SECONDS = 60
OUTAGES = 2

DECLINES = {
    1: DeclineCode.INSUFFICIENT_FUNDS,
    2: DeclineCode.CARD_DECLINED,
    3: DeclineCode.EXPIRED_CARD,
}


class Fault(IntEnum):
    """What goes wrong; the value is the ending. No 15: five ordinary prices can add up to it."""

    SLOW = 11
    NO_ANSWER = 12
    FAILS_BEFORE = 13
    FAILS_AFTER = 14
    UNAVAILABLE = 16


def decline_code_for(amount: int) -> DeclineCode | None:
    return DECLINES.get(amount % 100)


def fault_for(amount: int) -> Fault | None:
    ending = amount % 100
    return Fault(ending) if ending in set(Fault) else None
