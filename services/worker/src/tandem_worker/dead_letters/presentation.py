"""Dead letters as text for a terminal."""

import json
from collections.abc import Iterable, Sequence

from tandem_tables.events import DeadLetter, DeadLetterDecision

from tandem_worker.terminal import age, table

ERROR_WIDTH = 120
HEADINGS = ("ID", "STATE", "REASON", "CONSUMER", "AGGREGATE", "VERSION", "TYPE", "TRIES", "AGE", "ERROR")


def letter_table(letters: Iterable[DeadLetter]) -> str:
    return table(
        HEADINGS,
        [
            (
                letter.id,
                letter.state,
                letter.reason,
                letter.consumer,
                _aggregate(letter),
                letter.version,
                letter.type,
                letter.attempts,
                age(letter.created_at),
                _first_line(letter.error),
            )
            for letter in letters
        ],
    )


def letter_page(
    letter: DeadLetter,
    *,
    position: int | None,
    unsettled: Sequence[DeadLetter],
    decided: Sequence[DeadLetterDecision],
) -> str:
    facts = {
        "id": letter.id,
        "state": letter.state,
        "reason": letter.reason,
        "consumer": letter.consumer,
        "aggregate": _aggregate(letter),
        "version": f"{letter.version} (the consumer is at {position})" if position is not None else letter.version,
        "type": letter.type,
        "event": letter.event_id,
        "attempts": letter.attempts,
        "died": f"{letter.created_at:%Y-%m-%d %H:%M:%S} UTC, {age(letter.created_at)} ago",
        **letter.headers,
    }
    lines = [f"{name:<12} {value}" for name, value in facts.items()]
    lines += ["", "error", *_indented(letter.error or "none")]
    lines += ["", "payload", *_indented(pretty(letter.body))]
    lines += ["", "unsettled letters of the aggregate", *_indented(letter_table(unsettled) if unsettled else "none")]
    told = [f"{decision_line(one)}\n         by {one.decided_by}: {one.why}" for one in decided]
    lines += ["", "decisions", *_indented("\n".join(told) or "none")]
    return "\n".join(lines)


def decision_line(decision: DeadLetterDecision) -> str:
    aggregate = f"{decision.aggregate_type}/{decision.aggregate_id}"
    detail = f": {_first_line(decision.detail)}" if decision.detail else ""
    return f"{decision.outcome:<7}  {decision.action}  {aggregate} version {decision.version}{detail}"


def pretty(body: str) -> str:
    """JSON with a line for each member; what is no JSON, as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _aggregate(letter: DeadLetter) -> str:
    return f"{letter.aggregate_type}/{letter.aggregate_id}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:ERROR_WIDTH]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
