"""`tandem-contracts`: write the JSON Schemas of all event types, or check that the committed ones are up to date."""

import argparse
import json
import sys
from pathlib import Path

from tandem_contracts.registry import EVENT_TYPES

FOLDER = Path(__file__).parent / "schemas"


def schemas() -> dict[str, str]:
    """File name to content: one JSON Schema (2020-12) for each event type."""
    return {
        f"{name}.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": f"urn:tandem:event:{name}",
                **event_type.model.model_json_schema(mode="serialization"),
            },
            indent=2,
            sort_keys=True,
        )
        + "\n"
        for name, event_type in EVENT_TYPES.items()
    }


def differences(folder: Path) -> list[str]:
    """One line for each file in `folder` that is missing, out of date or of no event type."""
    wanted = schemas()
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    missing = [f"{name}: missing" for name in wanted.keys() - found.keys()]
    stale = [f"{name}: out of date" for name in wanted.keys() & found.keys() if wanted[name] != found[name]]
    foreign = [f"{name}: no such event type" for name in found.keys() - wanted.keys()]
    return sorted(missing + stale + foreign)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tandem-contracts", description=__doc__)
    parser.add_argument("command", choices=["generate", "check"])
    if parser.parse_args().command == "check":
        lines = differences(FOLDER)
        sys.exit("\n".join([*lines, "run: tandem-contracts generate"]) if lines else 0)
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, content in schemas().items():
        (FOLDER / name).write_text(content)
