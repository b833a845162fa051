"""Figures over the number of clients: a panel a unit, a curve a subject, both axes logarithmic."""

import math
from collections.abc import Sequence
from html import escape

from benchmarks.measuring.results import Result, Series, number

LEFT, TOP, WIDTH, HEIGHT, GAP = 64, 30, 340, 180, 96
COLOURS = ("#a8a29e", "#78716c", "#d97706", "#0f766e")
SMALLEST = 0.1


def curves(result: Result, top: int) -> tuple[list[str], int]:
    """The panels beside each other at `top`, and how high they are."""
    units = dict.fromkeys(series.unit for series in result.series if clients_of(series))
    parts: list[str] = []
    for column, unit in enumerate(units):
        found = [series for series in result.series if series.unit == unit and clients_of(series)]
        parts += _panel(found, LEFT + column * (WIDTH + GAP), top + TOP)
    return parts, TOP + HEIGHT + 60


def clients_of(series: Series) -> int:
    """How many clients the case has; 0 when it is not about clients."""
    count, _, what = series.case.partition(" ")
    return int(count.replace(",", "")) if what.startswith("client") else 0


def _panel(found: Sequence[Series], left: int, top: int) -> list[str]:
    clients = sorted({clients_of(series) for series in found})
    medians = [max(series.median, SMALLEST) for series in found]
    low, high = 10 ** math.floor(math.log10(min(medians))), 10 ** math.ceil(math.log10(max(medians)))
    width = math.log10(clients[-1] / clients[0]) or 1

    def place(series: Series) -> tuple[float, float]:
        across = math.log10(clients_of(series) / clients[0]) / width
        up = math.log10(max(series.median, SMALLEST) / low) / math.log10(high / low)
        return left + across * WIDTH, top + (1 - up) * HEIGHT

    parts = [f'<text x="{left}" y="{top - 8}">{escape(found[0].unit)}, by clients</text>']
    for step in range(round(math.log10(high / low)) + 1):
        y = top + HEIGHT * (1 - step / math.log10(high / low))
        parts.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#e7e5e4"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_tick(low * 10**step)}</text>')
    for count in clients:
        x = left + math.log10(count / clients[0]) / width * WIDTH
        parts.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{count:,}</text>')
    for position, subject in enumerate(dict.fromkeys(series.subject for series in found)):
        colour = COLOURS[position % len(COLOURS)]
        points = [place(series) for series in found if series.subject == subject]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = left + (position % 2) * WIDTH / 2, top + HEIGHT + 34 + 15 * (position // 2)
        parts.append(f'<path d="M{x:.1f} {y - 4}h14" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 18:.1f}" y="{y}">{escape(subject)}</text>')
    return parts


def _tick(value: float) -> str:
    return number(value) if value < 1 else f"{value:,.0f}"
