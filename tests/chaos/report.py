"""What a run comes to, for a person and as JSON."""

import json
import statistics
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from tandem_local.progress import Progress

from chaos.run import Result

SHOWN = 25


def write_summary(folder: Path, *, seed: int, minutes: float, result: Result, violated: list[str]) -> dict[str, Any]:
    """Sum the run up, in `folder`/summary.json too."""
    evidence = result.evidence
    requests: dict[str, Counter[str]] = {}
    for request in evidence.requests:
        requests.setdefault(request.kind, Counter())[request.outcome] += 1
    summary = {
        "seed": seed,
        "minutes": minutes,
        "verdict": "violated" if violated else "held",
        "violations": violated,
        "orders accepted": requests.get("order", Counter())["ok"],
        "requests": requests,
        "turned away": result.turned_away,
        "orders by state": Counter(row["state"] for row in evidence.rows("orders_order")),
        "faults": Counter(f"{done.fault.kind} {_family(done.fault.target)}" for done in result.injected),
        "faults that could not be": Counter(str(fault) for fault in result.stumbled),
        "services ended": result.ends,
        "records in Kafka": len(evidence.records),
        "dead letters": Counter(row["reason"] for row in evidence.rows("events_deadletter")),
        "seconds to the next paid order after a fault healed": _spread(_recoveries(result)),
        "seconds from healing to rest": evidence.quiet_seconds and round(evidence.quiet_seconds, 1),
        "left to do": result.left,
        "schedule": [{"at": done.began, "healed": done.healed, **vars(done.fault)} for done in result.injected],
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    return summary


def show(summary: dict[str, Any], progress: Progress) -> None:
    for name, value in summary.items():
        if name in ("violations", "schedule") or value in (None, "", {}):
            continue
        progress.say(f"[bold]{name:<52}[/] {escape(_words(value))}")
    for violation in summary["violations"][:SHOWN]:
        progress.say(f"[red]violated[/] {escape(violation)}")
    if len(summary["violations"]) > SHOWN:
        progress.say(f"[red]and {len(summary['violations']) - SHOWN} more, in summary.json[/]")


def _recoveries(result: Result) -> list[float]:
    """For each fault that lasted, the seconds from its end to the next order that was paid."""
    paid = sorted(
        datetime.fromisoformat(entry["occurred_at"]).timestamp()
        for entry in result.evidence.rows("orders_timelineentry")
        if entry["state"] == "paid"
    )
    waits = (next((at - done.healed for at in paid if at > done.healed), None) for done in result.injected)
    return [wait for wait in waits if wait is not None]


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"median": round(statistics.median(seconds), 2), "longest": round(max(seconds), 1)}


def _words(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(
        f"{name} ({_words(content)})" if isinstance(content, dict) else f"{name} {content}"
        for name, content in value.items()
    )


def _family(target: str) -> str:
    """orders-1→postgres and orders-2→postgres count as one."""
    return target.replace("-1", "").replace("-2", "")
