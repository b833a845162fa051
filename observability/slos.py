"""What we promise, and the rules that tell when a promise is about to be broken.

Alerts look at how fast the error budget burns, in a long window and in a short one: the long one tells that it
matters, the short one that it goes on. A page: a fiftieth of a month's budget gone in an hour, or a twentieth in six.
A ticket: a tenth in a day, or in three.
"""

from dataclasses import dataclass
from typing import Any

import yaml

from observability import addresses, jobs

HTTP = "tandem_http_server_request_duration_seconds"
API = f'job=~"{jobs.API}"'
ORDERS_AGE = "tandem_consumer_event_age_seconds"
ORDERS = 'consumer="tandem-orders"'


@dataclass(frozen=True, kw_only=True)
class Slo:
    """`every` and `bad` are rates over five minutes of all and of bad events; `objective` is the share of good ones.

    With little traffic a single failure is a great share: nobody is called for fewer than `floor` in the long window.
    """

    name: str
    alert: str
    objective: float
    every: str
    bad: str
    floor: int
    hurt: str
    dashboard: str

    @property
    def budget(self) -> float:
        return round(1 - self.objective, 6)


SLOS = (
    Slo(
        name="api-availability",
        alert="TandemApiAvailability",
        objective=0.999,
        every=f"sum(rate({HTTP}_count{{{API}}}[5m]))",
        bad=f'sum(rate({HTTP}_count{{{API}, status=~"5.."}}[5m])) or vector(0)',
        floor=10,
        hurt="Customers and partners get errors from the API",
        dashboard="tandem-api",
    ),
    Slo(
        name="api-latency",
        alert="TandemApiLatency",
        objective=0.99,
        every=f"sum(rate({HTTP}_count{{{API}}}[5m]))",
        bad=f'sum(rate({HTTP}_count{{{API}}}[5m])) - sum(rate({HTTP}_bucket{{{API}, le="0.25"}}[5m]))',
        floor=20,
        hurt="Customers and partners wait for the API for more than a quarter of a second",
        dashboard="tandem-api",
    ),
    Slo(
        name="event-age",
        alert="TandemEventAge",
        objective=0.99,
        every=f"sum(rate({ORDERS_AGE}_count{{{ORDERS}}}[5m]))",
        bad=f'sum(rate({ORDERS_AGE}_count{{{ORDERS}}}[5m])) - sum(rate({ORDERS_AGE}_bucket{{{ORDERS}, le="5.0"}}[5m]))',
        floor=10,
        hurt="What customers do takes effect more than five seconds later",
        dashboard="tandem-worker",
    ),
    Slo(
        name="order-completion",
        alert="TandemOrderCompletion",
        objective=0.99,
        every="sum(rate(tandem_api_orders_placed_total[5m]))",
        bad="clamp_min(sum(rate(tandem_api_orders_placed_total[5m]))"
        " - (sum(rate(tandem_order_time_to_state_seconds_bucket"
        '{state=~"paid|rejected|cancelled", le="30.0"}[5m])) or vector(0)), 0)',
        floor=3,
        hurt="Customers' orders are neither paid nor rejected half a minute after they were placed",
        dashboard="tandem-overview",
    ),
)

# Long window, short window, how many times faster than allowed the budget burns.
PAGE = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
TICKET = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d")
RECORDED_SECONDS = 30
EVERY, BAD, BUDGET = "tandem:slo_all:rate{}", "tandem:slo_bad:rate{}", "tandem:slo_budget:ratio"
BURN = "tandem:slo_burn:rate{}"


def rules_file() -> str:
    groups = [
        {"name": "tandem-slo-recorded", "interval": f"{RECORDED_SECONDS}s", "rules": _recorded()},
        {"name": "tandem-slo-windows", "interval": "1m", "rules": _windows()},
        {"name": "tandem-slo-alerts", "interval": "30s", "rules": _alerts()},
    ]
    text: str = yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=1000)
    return f"# Made by `python -m observability generate` from observability/slos.py.\n{text}"


def _recorded() -> list[dict[str, Any]]:
    rules = []
    for slo in SLOS:
        rules += [
            {"record": BUDGET, "expr": f"vector({slo.budget})", "labels": {"slo": slo.name}},
            {"record": EVERY.format("5m"), "expr": slo.every, "labels": {"slo": slo.name}},
            {"record": BAD.format("5m"), "expr": slo.bad, "labels": {"slo": slo.name}},
        ]
    return [*rules, _burn("5m")]


def _windows() -> list[dict[str, Any]]:
    """The mean of a rate over a window is the rate over the window, and costs a hundredth to ask for."""
    rules: list[dict[str, Any]] = []
    for window in WINDOWS:
        rules += [
            {"record": name.format(window), "expr": f"avg_over_time({name.format('5m')}[{window}])"}
            for name in (EVERY, BAD)
        ]
        rules.append(_burn(window))
    month = f"avg_over_time({BAD.format('5m')}[30d]) / (avg_over_time({EVERY.format('5m')}[30d]) > 0)"
    rules.append({"record": "tandem:slo_budget:left30d", "expr": f"1 - {month} / {BUDGET}"})
    return rules


def _burn(window: str) -> dict[str, Any]:
    """1: the budget of a month lasts a month. Nothing while there is no traffic."""
    return {
        "record": BURN.format(window),
        "expr": f"{BAD.format(window)} / ({EVERY.format(window)} > 0) / {BUDGET}",
    }


def _alerts() -> list[dict[str, Any]]:
    return [
        _alert(slo, severity, pairs, wait)
        for slo in SLOS
        for severity, pairs, wait in (("page", PAGE, "1m"), ("ticket", TICKET, "15m"))
    ]


def _alert(slo: Slo, severity: str, pairs: tuple[tuple[str, str, float], ...], wait: str) -> dict[str, Any]:
    select = f'{{slo="{slo.name}"}}'
    burns = [
        f"({BURN.format(long)}{select} > {factor} and {BURN.format(short)}{select} > {factor}"
        # Counted rather than a mean times the window: a young Prometheus knows less than the window.
        f" and sum_over_time({BAD.format('5m')}{select}[{long}]) * {RECORDED_SECONDS} >= {slo.floor})"
        for long, short, factor in pairs
    ]
    how = "fast: two days' worth of a month's errors" if severity == "page" else "steadily"
    return {
        "alert": slo.alert,
        "expr": " or ".join(burns),
        "for": wait,
        "labels": {"severity": severity},
        "annotations": {
            "summary": f"{slo.hurt}.",
            "description": f"The error budget of {slo.name} ({slo.objective:.1%} over 30 days) burns {how}:"
            " {{ $value | humanize }} times as fast as it may.",
            "dashboard": f"{addresses.GRAFANA}/d/{slo.dashboard}",
            "runbook_url": f"{addresses.RUNBOOKS}/{slo.alert}.md",
        },
    }
