"""The figures as bars: a panel a measurement, a bar for each median, a line from the lowest to the highest.

What was measured under several numbers of clients is drawn as curves.
"""

from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.measuring.curves import clients_of, curves
from benchmarks.measuring.results import Result, Series, number

WIDTH, LABELS, BARS, ROW = 900, 330, 440, 20
WIDE = 1340  # three panels of curves
OURS, PEER, SPREAD = "#0f766e", "#a8a29e", "#1c1917"
STYLE = "font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1c1917"


def plot(results: Mapping[str, Result]) -> str:
    """An SVG of all results; within a panel, bars of the same unit share a scale."""
    parts: list[str] = []
    top = 16
    for result in results.values():
        parts.append(f'<text x="16" y="{top + 14}" style="font-weight: 600">{escape(result.title)}</text>')
        top += 26
        if result.by_clients:
            panels, height = curves(result, top)
            parts += panels
            top += height
        bars = [series for series in result.series if not (result.by_clients and clients_of(series))]
        scales = _scales(bars)
        for series in bars:
            parts.append(_bar(series, top, scales[series.unit]))
            top += ROW
        top += 18
    width = WIDE if any(result.by_clients for result in results.values()) else WIDTH
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">'
    background = f'<rect width="{width}" height="{top}" fill="#ffffff"/>'
    return "\n".join([head, background, f'<g style="{STYLE}">', *parts, "</g>", "</svg>", ""])


def _scales(series: Sequence[Series]) -> dict[str, float]:
    """Pixels for one of each unit."""
    return {
        unit: BARS / max(max(one.values) for one in series if one.unit == unit) for unit in {one.unit for one in series}
    }


def _bar(series: Series, top: int, scale: float) -> str:
    middle = top + ROW // 2
    low, high = min(series.values) * scale, max(series.values) * scale
    label = f"{series.subject}, {series.case}"
    figure = f"{number(series.median)} {series.unit}"
    return (
        f'<text x="{LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{LABELS}" y="{top + 3}" width="{max(series.median * scale, 1):.1f}" height="{ROW - 6}"'
        f' fill="{PEER if series.peer else OURS}"/>'
        f'<path d="M{LABELS + low:.1f} {middle}H{LABELS + high:.1f}" stroke="{SPREAD}"/>'
        f'<text x="{LABELS + high + 8:.1f}" y="{middle + 4}">{escape(figure)}</text>'
    )
