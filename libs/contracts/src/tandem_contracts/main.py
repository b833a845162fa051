"""`tandem-contracts`: keep what is generated from the event types up to date, and published types as they are."""

import argparse
import json
import sys
from collections.abc import Collection
from pathlib import Path

from tandem_contracts import asyncapi, generate
from tandem_contracts.compatibility import refusals

PUBLISHED = Path("libs/contracts/published/asyncapi.json")
ADVICE = """
What is published stays as it is; only fields that may be absent can be added. State a new version of the type beside
it instead: see docs/events.md."""


def check(root: Path) -> str:
    """What is out of date and what to do about it; empty if nothing is."""
    lines = generate.differences(root)
    return "\n".join([*lines, "run: tandem-contracts generate"]) if lines else ""


def compatible(root: Path, *, retired: Collection[str] = ()) -> str:
    """What would break the event types that the last release published, except those that are retired."""
    if not (root / PUBLISHED).exists():
        return "nothing is published yet; run: tandem-contracts publish"
    published = json.loads((root / PUBLISHED).read_text())
    found = [refusal for refusal in refusals(published, asyncapi.document()) if refusal.event_type not in retired]
    return "\n".join([*map(str, found), ADVICE]) if found else ""


def publish(root: Path, *, retired: Collection[str]) -> str:
    """Make today's event types those that the next release is held to, unless they break the last one's."""
    snapshot = root / PUBLISHED
    problems = check(root) or (compatible(root, retired=retired) if snapshot.exists() else "")
    if not problems:
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(generate.as_json(asyncapi.document()))
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(prog="tandem-contracts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write schemas, AsyncAPI document and the tables of docs/events.md")
    commands.add_parser("check", help="tell which of them are not up to date")
    commands.add_parser("compatible", help="tell what would break the event types that the last release published")
    publishing = commands.add_parser("publish", help="at a release: hold the next one to the event types of today")
    publishing.add_argument(
        "--retire", metavar="TYPE", nargs="+", default=(), help="types that no topic holds any more"
    )
    arguments = parser.parse_args()
    match arguments.command:
        case "generate":
            generate.write(generate.ROOT)
        case "check":
            sys.exit(check(generate.ROOT) or 0)
        case "compatible":
            sys.exit(compatible(generate.ROOT) or 0)
        case "publish":
            sys.exit(publish(generate.ROOT, retired=arguments.retire) or 0)
