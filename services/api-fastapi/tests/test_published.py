"""The committed description, and what may not change about it; with oasdiff, as `make check` uses it."""

import copy
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tandem_api import published
from tandem_api.published import NOTICE_DAYS, OASDIFF, ROOT, as_json, breaking
from tandem_local.cache import locked

Document = dict[str, Any]
Change = Callable[[Document], None]


@pytest.fixture(scope="module")
def document() -> Document:
    return published.document()


@pytest.fixture(scope="module")
def oasdiff() -> Path:
    with locked(ROOT / ".tools/oasdiff.lock"):
        subprocess.run(["make", "--silent", str(OASDIFF)], cwd=ROOT, check=True)
    return ROOT / OASDIFF


@pytest.fixture
def broken(tmp_path: Path, document: Document, oasdiff: Path) -> Callable[[Change], str]:
    """What the gate says to a change."""

    def judge(change: Change) -> str:
        changed = copy.deepcopy(document)
        change(changed)
        before, after = tmp_path / "before.json", tmp_path / "after.json"
        before.write_text(as_json(document))
        after.write_text(as_json(changed))
        return breaking(before, after, oasdiff)

    return judge


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def operation(document: Document, path: str, method: str) -> Document:
    found: Document = document["paths"][path][method]
    return found


def removed_operation(document: Document) -> None:
    del document["paths"]["/v1/categories"]


def removed_answer_field(document: Document) -> None:
    product = schema(document, "Product")
    del product["properties"]["price"]
    product["required"].remove("price")


def answer_field_that_may_be_absent(document: Document) -> None:
    schema(document, "Product")["required"].remove("name")


def answer_field_of_another_type(document: Document) -> None:
    schema(document, "Money")["properties"]["amount"]["type"] = "string"


def new_field_that_requests_need(document: Document) -> None:
    request = schema(document, "OrderRequest")
    request["properties"]["note"] = {"type": "string"}
    request["required"].append("note")


def tighter_bound(document: Document) -> None:
    schema(document, "LineRequest")["properties"]["quantity"]["maximum"] = 9


def removed_parameter(document: Document) -> None:
    parameters = operation(document, "/v1/products", "get")["parameters"]
    parameters[:] = [parameter for parameter in parameters if parameter["name"] != "category"]


def parameter_that_requests_need(document: Document) -> None:
    parameter = {"name": "market", "in": "query", "required": True, "schema": {"type": "string"}}
    operation(document, "/v1/products", "get")["parameters"].append(parameter)


def more_rights_needed(document: Document) -> None:
    operation(document, "/v1/products", "get")["security"] = [{"customer": ["orders:read"]}]


def another_answer_to_success(document: Document) -> None:
    answers = operation(document, "/v1/orders", "post")["responses"]
    answers["202"] = answers.pop("201")


def renamed_operation(document: Document) -> None:
    operation(document, "/v1/products", "get")["operationId"] = "products"


def deprecated(document: Document, days: int) -> None:
    sunset = datetime.now(UTC).date() + timedelta(days=days)
    operation(document, "/v1/categories", "get").update({"deprecated": True, "x-sunset": sunset.isoformat()})


def deprecated_at_short_notice(document: Document) -> None:
    deprecated(document, days=NOTICE_DAYS - 10)


REFUSED = [
    removed_operation,
    removed_answer_field,
    answer_field_that_may_be_absent,
    answer_field_of_another_type,
    new_field_that_requests_need,
    tighter_bound,
    removed_parameter,
    parameter_that_requests_need,
    more_rights_needed,
    another_answer_to_success,
    renamed_operation,
    deprecated_at_short_notice,
]


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_what_breaks_clients_is_refused(broken: Callable[[Change], str], change: Change) -> None:
    assert broken(change)


def more_of_everything(document: Document) -> None:
    schema(document, "Product")["properties"]["weight"] = {"type": "integer"}
    schema(document, "OrderRequest")["properties"]["note"] = {"type": "string"}
    schema(document, "LineRequest")["properties"]["quantity"]["maximum"] = 999
    parameter = {"name": "market", "in": "query", "schema": {"type": "string"}}
    operation(document, "/v1/products", "get")["parameters"].append(parameter)
    document["paths"]["/v1/brands"] = copy.deepcopy(document["paths"]["/v1/categories"])
    document["paths"]["/v1/brands"]["get"]["operationId"] = "listBrands"
    document["servers"] = [{"url": "https://elsewhere.example"}]
    deprecated(document, days=NOTICE_DAYS + 1)


def test_the_description_may_grow(broken: Callable[[Change], str]) -> None:
    assert broken(more_of_everything) == ""


def test_what_was_deprecated_may_go_after_its_sunset_and_not_before(
    tmp_path: Path, document: Document, oasdiff: Path
) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    gone = copy.deepcopy(document)
    removed_operation(gone)
    after.write_text(as_json(gone))
    for days, refused in ((-1, False), (NOTICE_DAYS, True)):
        announced = copy.deepcopy(document)
        deprecated(announced, days)
        before.write_text(as_json(announced))
        assert bool(breaking(before, after, oasdiff)) is refused


@pytest.fixture
def checkout(tmp_path: Path, document: Document, oasdiff: Path) -> Path:
    """Where everything is as it is now, and nothing published."""
    for path, target in ((published.DOCUMENT, None), (published.PAGE, None), (OASDIFF, oasdiff)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if target:
            (tmp_path / path).symlink_to(target)
    (tmp_path / published.DOCUMENT).write_text(as_json(document))
    (tmp_path / published.PAGE).write_text((ROOT / published.PAGE).read_text())
    return tmp_path


def test_what_is_committed_is_what_the_api_does() -> None:
    assert published.check(ROOT) == ""


@pytest.mark.parametrize("name", [published.DOCUMENT, published.PAGE])
def test_what_is_out_of_date_is_named(checkout: Path, name: Path) -> None:
    assert published.check(checkout) == ""
    path = checkout / name
    path.write_text(path.read_text().replace("not-found", "lost"))
    assert published.check(checkout).startswith(f"{name}: out of date")


def test_publishing_refuses_what_would_break_the_last_release(checkout: Path, document: Document) -> None:
    last = checkout / published.PUBLISHED
    assert "nothing is published" in published.compatible(checkout)
    assert published.publish(checkout) == ""
    assert published.compatible(checkout) == ""

    more = copy.deepcopy(document)
    more["paths"]["/v1/gone"] = more["paths"]["/v1/categories"]
    more["x-problem-types"] |= {"gone": 410, "not-found": 400}
    last.write_text(as_json(more))
    refused = published.publish(checkout)
    for line in (
        "/v1/gone",
        "problem type gone: status 410 became absent",
        "problem type not-found: status 400 became 404",
    ):
        assert line in refused
    assert json.loads(last.read_text()) == more


def test_a_gate_that_cannot_compare_is_no_yes(tmp_path: Path, oasdiff: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    assert breaking(empty, tmp_path / "missing.json", oasdiff)
