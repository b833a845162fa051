"""The gate: what this release may not change about the event types that the last one published."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tandem_contracts.asyncapi import Document
from tandem_contracts.schema_changes import ONE_ANOTHER, Change, became, changes

ELSEWHERE = "consumers of the last release do not read there"
UNORDERED = "events of one aggregate would be in two partitions, and in no order"
GONE = "consumers of the last release wait for it, and topics still hold it"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change to a published event type that would break somebody."""

    event_type: str
    change: Change

    def __str__(self) -> str:
        return f"{self.event_type}: {self.change.where}: {self.change.what}; {self.change.why}"


def refusals(published: Document, current: Document) -> list[Refusal]:
    """The changes from one AsyncAPI document to the other that would break somebody; new event types break nobody."""
    after = dict(_contracts(current))
    return [
        Refusal(name, change)
        for name, before in _contracts(published)
        for change in (_contract_changes(before, after[name]) if name in after else [Change("type", "removed", GONE)])
    ]


def _contract_changes(before: Document, after: Document) -> Iterator[Change]:
    for where, why in {
        "topic": ELSEWHERE,
        "partitions": UNORDERED,
        "key": UNORDERED,
        "content type": ONE_ANOTHER,
    }.items():
        if before[where] != after[where]:
            yield Change(where, became(before[where], after[where]), why)
    for where in ("headers", "payload"):
        yield from changes(where, before[where], after[where])


def _contracts(document: Document) -> Iterator[tuple[str, Document]]:
    """For each event type, all that those who state it and those who read it agree on."""
    for channel in document["channels"].values():
        for name, reference in channel["messages"].items():
            message = _resolved(reference, document)
            yield (
                name,
                {
                    "topic": channel["address"],
                    "partitions": channel["bindings"]["kafka"]["partitions"],
                    "key": message["bindings"]["kafka"]["key"],
                    "content type": message["contentType"],
                    "headers": message["headers"],
                    "payload": message["payload"],
                },
            )


def _resolved(node: Any, document: Document, within: tuple[str, ...] = ()) -> Any:
    """`node` with what it refers to in place of its references, so that no change hides behind one."""
    if isinstance(node, list):
        return [_resolved(part, document, within) for part in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if reference is None:
        return {name: _resolved(part, document, within) for name, part in node.items()}
    if reference in within:
        # a type within itself, compared where it begins: here only how far out that is, whatever its class is called
        return {"within": len(within) - within.index(reference)}
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    beside = {name: part for name, part in node.items() if name != "$ref"}
    return _resolved({**target, **beside}, document, (*within, reference))
