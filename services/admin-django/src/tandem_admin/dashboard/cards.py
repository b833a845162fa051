"""The first page as its template shows it: cards for those who may see what is behind them, each number a link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince

from tandem_admin.dashboard import figures
from tandem_admin.inventory.models import Stock
from tandem_admin.money import format_money
from tandem_admin.orders.models import State
from tandem_admin.orders.presentation import STATE_COLORS

# From here on somebody should look: an idle relay publishes within a tenth of a second.
OUTBOX_LATE_SECONDS = 30
CHART_HEIGHT, BAR_STEP = 32, 18


@dataclass(frozen=True)
class Card:
    """A number that leads to the list that it counts; `tone` is a colour that means something, or nothing."""

    title: str
    value: str
    url: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Bar:
    """A day in a chart of `CHART_HEIGHT` units; the highest bar of all rows fills it."""

    day: date
    count: int
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class TrendRow:
    """A state's orders of the last days."""

    state: State
    color: str
    today: int
    total: int
    url: str
    bars: list[Bar]


@dataclass
class Dashboard:
    cards: list[Card] = field(default_factory=list)
    trend: list[TrendRow] = field(default_factory=list)
    scarce: Sequence[Stock] = ()
    scarce_url: str = ""


def dashboard(request: HttpRequest, now: datetime) -> Dashboard:
    """What this person may see; nothing else is asked of the database."""
    result = Dashboard()
    may = request.user.has_perm
    if may("orders.view_order"):
        orders = figures.order_figures(now)
        result.cards.extend(_order_cards(orders, now))
        result.trend.extend(_trend(orders))
    if may("inventory.view_stock"):
        scarce, count = figures.running_out()
        url = _url("inventory_stock", level="low")
        result.cards.append(Card("Running out", f"{count:,}", url, "products in the store", "warning" if count else ""))
        result.scarce, result.scarce_url = scarce, url
    if may("events.view_outboxevent"):
        result.cards.append(_outbox_card(figures.outbox_figures(now), now))
    if may("events.view_deadletter"):
        result.cards.append(_dead_letter_card(figures.dead_letter_counts()))
    return result


def _order_cards(orders: figures.OrderFigures, now: datetime) -> list[Card]:
    today = _since(now)
    revenue = [format_money(amount, currency) for currency, amount in sorted(orders.revenue_today.items())]
    earning = ",".join(figures.EARNING)
    return [
        Card("Orders today", f"{orders.today:,}", _url("orders_order", **today)),
        Card("Revenue today", " + ".join(revenue) or "\N{EN DASH}", _url("orders_order", state__in=earning, **today)),
        Card(
            "To ship",
            f"{sum(orders.of_state(State.PAID)):,}",
            _url("orders_order", state__exact=State.PAID),
            f"paid within {figures.TREND_DAYS} days",
        ),
    ]


def _trend(orders: figures.OrderFigures) -> list[TrendRow]:
    counts = {state: orders.of_state(state) for state in State}
    highest = max((max(of_state) for of_state in counts.values()), default=0) or 1
    return [
        TrendRow(
            state=state,
            color=STATE_COLORS[state],
            today=of_state[-1],
            total=sum(of_state),
            url=_url("orders_order", state__exact=state),
            bars=[
                Bar(day, count, index * BAR_STEP, CHART_HEIGHT - height, height)
                for index, (day, count) in enumerate(zip(orders.days, of_state, strict=True))
                for height in [round(CHART_HEIGHT * count / highest, 1)]
            ],
        )
        for state, of_state in counts.items()
    ]


def _outbox_card(outbox: figures.OutboxFigures, now: datetime) -> Card:
    late = outbox.oldest_seconds >= OUTBOX_LATE_SECONDS
    more = "+" if outbox.waiting == figures.COUNTED else ""
    return Card(
        "Oldest in the outbox",
        _age(outbox.oldest_seconds, now),
        _url("events_outboxevent"),
        f"{outbox.waiting:,}{more} waiting",
        "danger" if late else "",
    )


def _dead_letter_card(counts: Mapping[str, int]) -> Card:
    dead, queued = counts.get("dead", 0), counts.get("queued", 0)
    return Card(
        "Dead letters",
        f"{dead:,}",
        _url("events_deadletter", state__exact="dead"),
        f"and {queued:,} behind them" if queued else "",
        "danger" if dead else "",
    )


def _age(seconds: float, now: datetime) -> str:
    """Seconds where they matter, else the largest unit."""
    if seconds < OUTBOX_LATE_SECONDS * 4:
        return f"{seconds:.0f} s"
    return timesince(now - timedelta(seconds=seconds), now, depth=1)


def _since(now: datetime) -> dict[str, str]:
    """The parameter of a list for what was placed today."""
    return {"placed_at__gte": now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()}


def _url(page: str, **parameters: str) -> str:
    address = reverse(f"admin:{page}_changelist")
    return f"{address}?{urlencode(parameters)}" if parameters else address
