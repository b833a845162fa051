"""What `tandem-contracts` generates, tells and publishes."""

import shutil
from pathlib import Path

import pytest
from described import stated_by
from tandem_contracts import generate, main
from tandem_contracts.asyncapi import document
from tandem_contracts.page import BEGIN, with_tables
from tandem_contracts.registry import EVENT_TYPES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout of its own, in which everything is up to date."""
    (tmp_path / generate.PAGE).parent.mkdir()
    shutil.copy(generate.ROOT / generate.PAGE, tmp_path / generate.PAGE)
    generate.write(tmp_path)
    return tmp_path


def test_what_is_committed_is_what_is_generated_and_compatible() -> None:
    assert main.check(generate.ROOT) == ""
    assert main.compatible(generate.ROOT) == ""


def test_missing_stale_and_foreign_files_are_told_and_repaired(root: Path) -> None:
    schemas = root / generate.SCHEMAS
    (schemas / "order.paid.v1.json").unlink()
    (schemas / "order.placed.v1.json").write_text("{}")
    (schemas / "order.eaten.v1.json").write_text("{}")
    (root / generate.DOCUMENT).write_text("{}")
    page = (root / generate.PAGE).read_text()
    (root / generate.PAGE).write_text(page.replace("order.refunded.v1", "order.kept.v1"))

    assert generate.differences(root) == [
        "asyncapi.json: out of date",
        "events.md: out of date",
        "order.eaten.v1.json: no such event type",
        "order.paid.v1.json: missing",
        "order.placed.v1.json: out of date",
    ]
    assert main.check(root).endswith("run: tandem-contracts generate")

    generate.write(root)

    assert main.check(root) == ""


def test_a_page_that_lost_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_tables(f"# Events\n{BEGIN}\n")


def test_every_type_is_in_one_channel_and_stated_by_its_owners() -> None:
    described = document()

    assert sorted(name for channel in described["channels"].values() for name in channel["messages"]) == sorted(
        EVENT_TYPES
    )
    for service in ("admin", "api", "worker"):
        owned = {name for name, event_type in EVENT_TYPES.items() if service in event_type.owners}
        assert stated_by(described, service) == owned


def test_nothing_is_compatible_before_something_is_published(root: Path) -> None:
    assert "tandem-contracts publish" in main.compatible(root)

    assert main.publish(root, retired=()) == ""

    assert main.compatible(root) == ""


def test_what_is_out_of_date_is_not_published(root: Path) -> None:
    (root / generate.DOCUMENT).write_text("{}")

    assert "asyncapi.json: out of date" in main.publish(root, retired=())
    assert not (root / main.PUBLISHED).exists()


def test_a_published_type_is_gone_only_when_it_is_retired(root: Path) -> None:
    last = document()
    channel = last["channels"]["tandem.orders"]
    channel["messages"]["order.eaten.v1"] = channel["messages"]["order.paid.v1"]
    (root / main.PUBLISHED).parent.mkdir()
    (root / main.PUBLISHED).write_text(generate.as_json(last))

    assert "order.eaten.v1: type: removed" in main.compatible(root)
    assert "order.eaten.v1: type: removed" in main.publish(root, retired=())

    assert main.publish(root, retired=["order.eaten.v1"]) == ""

    assert main.compatible(root) == ""
