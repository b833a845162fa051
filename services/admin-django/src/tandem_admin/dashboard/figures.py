"""The figures of the first page, each a handful of indexed reads however large the store has grown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tandem_admin.events.models import DeadLetter, OutboxEvent
from tandem_admin.inventory.models import Stock
from tandem_admin.orders.models import Order, State

TREND_DAYS = 14
STOCK_SHOWN = 8
# The states in which the store has the customer's money.
EARNING = (State.PAID, State.SHIPPED, State.DELIVERED)
# More are not counted: whether 10,000 wait or 10 million, the next step is the same.
COUNTED = 10_000


@dataclass(frozen=True)
class OrderFigures:
    """Orders of the last days by day and state; `revenue_today`, less refunds, by currency in minor units."""

    days: list[date]
    counts: Mapping[tuple[date, str], int]
    revenue_today: Mapping[str, int]

    @property
    def today(self) -> int:
        return sum(self.counts.get((self.days[-1], state), 0) for state in State)

    def of_state(self, state: State) -> list[int]:
        """The count of each day, oldest first."""
        return [self.counts.get((day, state), 0) for day in self.days]


@dataclass(frozen=True)
class OutboxFigures:
    """What waits to be published, and since when in seconds; at most 10,000 are counted."""

    waiting: int
    oldest_seconds: float


def order_figures(now: datetime) -> OrderFigures:
    """Those of the last fourteen days, the present one included; days are those of UTC."""
    days = [(now - timedelta(days=ago)).date() for ago in reversed(range(TREND_DAYS))]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight - timedelta(days=TREND_DAYS - 1)
    return OrderFigures(
        days=days,
        counts=Order.objects.of_people().placed_since(begin).count_by_day_and_state(),
        revenue_today=Order.objects.of_people().placed_since(midnight).filter(state__in=EARNING).kept_by_currency(),
    )


def running_out() -> tuple[list[Stock], int]:
    """The scarcest of the products that are in the store, and how many there are in all."""
    low = Stock.objects.running_out()
    return list(low.for_list().order_by("available", "product__name")[:STOCK_SHOWN]), low.count()


def outbox_figures(now: datetime) -> OutboxFigures:
    oldest = OutboxEvent.objects.order_by("pk").values_list("occurred_at", flat=True).first()
    waiting = OutboxEvent.objects.order_by("pk")[:COUNTED].count()
    return OutboxFigures(waiting, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)


def dead_letter_counts() -> Mapping[str, int]:
    """How many letters wait for a person, and how many behind those, by state."""
    return DeadLetter.objects.unsettled().count_by_state()
