"""What our code says is declared, and what would be wrong with a line is told. tests/e2e has the running services."""

import ast
import json
from pathlib import Path

import pytest

from observability.documents import ROOT
from observability.log_contract import declared_fields, line_faults

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
SOURCES = [*ROOT.glob("services/*/src"), ROOT / "libs" / "runtime" / "src"]
LINE = {
    "timestamp": "2026-11-23T00:50:58.102000Z",
    "level": "info",
    "logger": "tandem_api.transport.arrival",
    "service": "api",
    "event": "request",
}


def said(source: Path) -> set[str]:
    """The names of the fields that the module's lines are given."""
    names: set[str] = set()
    for call in (node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Attribute(ast.Name("log"), level) if level in LEVELS:
                pass
            case ast.Attribute(_, "bind_contextvars" | "bound_contextvars"):
                pass
            case _:
                continue
        names |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return names - {"exc_info"}


def test_every_field_that_our_code_says_is_declared() -> None:
    fields = {name: source for folder in SOURCES for source in folder.rglob("*.py") for name in said(source)}

    assert {"order_id", "status", "consumer"} <= fields.keys()
    assert {name: source for name, source in fields.items() if name not in declared_fields()} == {}


def test_a_line_as_it_should_be() -> None:
    trace = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    line = LINE | trace | {"status": 200, "order_id": "01a230c6-5d24-779e-87de-fa384d2cbc5b", "seconds": 0.01}
    assert line_faults(json.dumps(line), declared_fields()) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Starting …", "is no JSON"),
        ("[]", "is no object"),
        (json.dumps({name: value for name, value in LINE.items() if name != "service"}), "has no service"),
        (json.dumps(LINE | {"colour": "red"}), "colour: is not declared"),
        (json.dumps(LINE | {"order_id": "7"}), "order_id: '7' is no id"),
        (json.dumps(LINE | {"status": "200"}), "status: '200' is no whole"),
        (json.dumps(LINE | {"timestamp": "2026-11-23T00:50:58"}), "timestamp: '2026-11-23T00:50:58' is no time"),
        (json.dumps(LINE | {"level": "notice"}), "level: 'notice' is not among its values"),
        (json.dumps(LINE | {"trace_id": "1"}), "trace_id: '1' is no trace"),
        (json.dumps(LINE | {"error": None}), "error: None is no text"),
    ],
)
def test_each_fault_is_named(text: str, fault: str) -> None:
    assert line_faults(text, declared_fields()) == [fault]
