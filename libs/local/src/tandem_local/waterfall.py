"""One trace, drawn for a terminal."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tandem_local.spans import Span

BAR_WIDTH = 40
NAME_WIDTH = 46


def waterfall(spans: Sequence[Span], *, bar_width: int = BAR_WIDTH) -> str:
    """Draw the spans of one trace as a table: service, span, offset, duration, bar.

    Children stand under their parent, in order of start; spans whose parent is not among them (it has not arrived, or
    was never sent) stand at the left. A failed span is marked with "!". Offsets and durations are in milliseconds.
    """
    if not spans:
        return "no spans"
    begin = min(span.start for span in spans)
    length = max(max(span.end for span in spans) - begin, 1)
    service_width = max(len("service"), *(len(span.service) for span in spans))
    header = f"{'service':<{service_width}}  {'span':<{NAME_WIDTH}}  {'at ms':>8}  {'took ms':>8}"
    lines = [header]
    for depth, span in _in_order(spans):
        name = _shortened("  " * depth + ("! " if span.failed else "") + span.name)
        offset, duration = (span.start - begin) / 1e6, (span.end - span.start) / 1e6
        bar = _bar(span.start - begin, span.end - begin, length, bar_width)
        lines.append(f"{span.service:<{service_width}}  {name:<{NAME_WIDTH}}  {offset:8.1f}  {duration:8.1f}  {bar}")
    return "\n".join(lines)


def _in_order(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Depth and span, each parent before its children."""
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    waiting = [(0, span) for span in reversed(children[""])]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, child) for child in reversed(children[span.span_id])]


def _bar(start: int, end: int, length: int, width: int) -> str:
    left = min(width - 1, start * width // length)
    right = min(width, max(left + 1, -(-end * width // length)))
    return ("·" * left + "█" * (right - left)).ljust(width, "·")


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"
