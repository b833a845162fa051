"""Hypothesis strategies from the JSON Schemas that pydantic writes.

hypothesis-jsonschema does the same for all of JSON Schema, but not with a Hypothesis of these years.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema = Mapping[str, Any]

# What a newer producer may add to an object; no field of ours begins so.
ADDED = st.dictionaries(st.sampled_from(["added_a", "added_b"]), st.none() | st.integers(), max_size=2)
TIMEZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
ANNOTATIONS = {"title", "description", "examples", "default", "$schema", "$id", "$defs"}


def values(schema: Schema, document: Schema) -> SearchStrategy[Any]:
    """Values that `schema` allows, with fields that it does not know; its references point into `document`."""
    keywords = {keyword: value for keyword, value in schema.items() if keyword not in ANNOTATIONS}
    if "$ref" in keywords:
        target = document
        for part in keywords["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return values(target, document)
    if "anyOf" in keywords:
        return st.one_of(*(values(option, document) for option in keywords["anyOf"]))
    if "enum" in keywords or "const" in keywords:
        return st.sampled_from(keywords.get("enum") or [keywords["const"]])
    return _OF_TYPE[keywords.pop("type")](keywords, document)


def _objects(keywords: dict[str, Any], document: Schema) -> SearchStrategy[Any]:
    fields = {name: values(field, document) for name, field in keywords.pop("properties", {}).items()}
    required = keywords.pop("required", [])
    _all_known(keywords)
    known = st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )
    return st.builds(lambda added, known: added | known, ADDED, known)


def _arrays(keywords: dict[str, Any], document: Schema) -> SearchStrategy[Any]:
    items = values(keywords.pop("items"), document)
    least, most = keywords.pop("minItems", 0), keywords.pop("maxItems", None)
    _all_known(keywords)
    return st.lists(items, min_size=least, max_size=most or least + 3)


def _strings(keywords: dict[str, Any], document: Schema) -> SearchStrategy[str]:
    match keywords:
        case {"format": "uuid", **rest}:
            strings = st.uuids().map(str)
        case {"format": "date-time", **rest}:
            strings = st.datetimes(timezones=TIMEZONES).map(lambda time: time.isoformat())
        case {"pattern": pattern, **rest}:
            # `$` would also match before a line's end, for Python only
            strings = st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True)
        case _:
            least, most = keywords.pop("minLength", 0), keywords.pop("maxLength", None)
            rest, strings = keywords, st.text(min_size=least, max_size=most)
    _all_known(rest)
    return strings


def _integers(keywords: dict[str, Any], document: Schema) -> SearchStrategy[int]:
    # Wider than any column that keeps one, as wide as JSON is read alike everywhere.
    least = max(keywords.pop("minimum", -(2**53)), keywords.pop("exclusiveMinimum", -(2**53)) + 1)
    most = min(keywords.pop("maximum", 2**53), keywords.pop("exclusiveMaximum", 2**53) - 1)
    _all_known(keywords)
    return st.integers(least, most)


def _all_known(keywords: Mapping[str, Any]) -> None:
    if keywords:
        raise NotImplementedError(f"no strategy for {', '.join(keywords)}")


_OF_TYPE: dict[str, Callable[[dict[str, Any], Schema], SearchStrategy[Any]]] = {
    "object": _objects,
    "array": _arrays,
    "string": _strings,
    "integer": _integers,
    "boolean": lambda _keywords, _document: st.booleans(),
    "null": lambda _keywords, _document: st.none(),
}
