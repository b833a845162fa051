"""What changed between two JSON Schemas of one kind of event, and whom it would break.

Two releases run side by side during a rollout, and topics keep events for weeks: each release reads what the other
wrote. So what both know may not change at all. Looser breaks consumers of the last release; tighter breaks this one on
events that are in the topics already. Only fields that may be absent can be added.

To ask whether one schema contains the other, as checkers of JSON Schemas do, would not answer that: a new optional
field is a restriction (before, anything could be under its name), and the removal of one is none.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]

THIS_RELEASE = "this release would refuse events that the last one published"
LAST_RELEASE = "consumers of the last release would refuse events of this one"
ONE_ANOTHER = "one release would refuse events of the other"
MISSED = "consumers of the last release would miss it"
MEANING = "events without the field would mean something else than they did"

_ABSENT = object()
_NULL = {"type": "null"}
_ANNOTATIONS = {"title", "description", "examples", "deprecated", "default"}
_FLOORS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_CEILINGS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}


class Change(NamedTuple):
    """Where in an event, `payload.lines[].quantity` for instance, what became of it, and whom that would break."""

    where: str
    what: str
    why: str


def changes(where: str, before: Schema, after: Schema) -> Iterator[Change]:
    """The changes that break somebody, in schemas whose references are resolved."""
    old, new = _alternatives(before), _alternatives(after)
    if (_NULL in old) != (_NULL in new):
        if _NULL in new:
            yield Change(where, "null is allowed now", LAST_RELEASE)
        else:
            yield Change(where, "null is no longer allowed", THIS_RELEASE)
    old, new = ([option for option in options if option != _NULL] for options in (old, new))
    if len(old) == len(new):
        for old_option, new_option in zip(old, new, strict=True):
            yield from _option_changes(where, old_option, new_option)
    else:
        why = LAST_RELEASE if len(new) > len(old) else THIS_RELEASE
        yield Change(where, f"{len(old)} alternatives became {len(new)}", why)


def became(before: Any, after: Any) -> str:
    old, new = ("absent" if value is _ABSENT else json.dumps(value) for value in (before, after))
    return f"{old} became {new}"


def _alternatives(schema: Schema) -> list[Schema]:
    """The schemas of which a value needs to meet one: those of `anyOf`, or the schema alone."""
    rest = {keyword: value for keyword, value in schema.items() if keyword != "anyOf"}
    return [_constraints({**rest, **option}) for option in schema.get("anyOf", [{}])]


def _constraints(schema: Schema) -> Schema:
    """What restricts values, each written in one way only."""
    constraints = {keyword: value for keyword, value in schema.items() if keyword not in _ANNOTATIONS}
    if "const" in constraints:
        constraints["enum"] = [constraints.pop("const")]
    if "enum" in constraints:
        constraints["enum"] = sorted(constraints["enum"], key=json.dumps)
    if constraints.get("additionalProperties") is True:
        del constraints["additionalProperties"]
    return constraints


def _option_changes(where: str, before: Schema, after: Schema) -> Iterator[Change]:
    if before.get("type") != after.get("type"):
        what = became(before.get("type", _ABSENT), after.get("type", _ABSENT))
        yield Change(where, f"type {what}", ONE_ANOTHER)
        return  # what else a type restricts cannot be compared
    yield from _field_changes(where, before, after)
    for keyword in sorted((before.keys() | after.keys()) - {"properties", "required"}):
        match before.get(keyword, _ABSENT), after.get(keyword, _ABSENT):
            case dict(old), dict(new) if keyword in ("items", "additionalProperties"):
                yield from changes(f"{where}[]", old, new)
            case list(old), list(new) if keyword in ("allOf", "oneOf", "prefixItems") and len(old) == len(new):
                for old_part, new_part in zip(old, new, strict=True):
                    yield from changes(where, old_part, new_part)
            case old, new if old != new:
                yield Change(where, f"{keyword} {became(old, new)}", _harm(keyword, old, new))


def _field_changes(where: str, before: Schema, after: Schema) -> Iterator[Change]:
    old_fields, new_fields = before.get("properties", {}), after.get("properties", {})
    old_required, new_required = before.get("required", ()), after.get("required", ())
    for name, old in old_fields.items():
        inside = f"{where}.{name}"
        if name not in new_fields:
            yield Change(inside, "removed", MISSED)
            continue
        new = new_fields[name]
        match name in old_required, name in new_required:
            case True, False:
                yield Change(inside, "required became optional", LAST_RELEASE)
            case False, True:
                yield Change(inside, "optional became required", THIS_RELEASE)
            case False, False if (was := old.get("default", _ABSENT)) != (now := new.get("default", _ABSENT)):
                yield Change(inside, f"default {became(was, now)}", MEANING)
        yield from changes(inside, old, new)
    for name in new_fields:
        if name not in old_fields and name in new_required:
            yield Change(f"{where}.{name}", "a required field was added", THIS_RELEASE)
        elif name not in old_fields and "additionalProperties" in before:
            yield Change(f"{where}.{name}", "added to an object that is closed", LAST_RELEASE)


def _harm(keyword: str, before: Any, after: Any) -> str:
    """Whom another value of `keyword` breaks."""
    if before is _ABSENT:
        return THIS_RELEASE
    if after is _ABSENT:
        return LAST_RELEASE
    if keyword in _FLOORS | _CEILINGS:
        return THIS_RELEASE if (after > before) == (keyword in _FLOORS) else LAST_RELEASE
    if keyword == "enum" and set(before) < set(after):
        return LAST_RELEASE
    if keyword == "enum" and set(after) < set(before):
        return THIS_RELEASE
    return ONE_ANOTHER
