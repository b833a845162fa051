"""`tandem-openapi`: the API's description as a file that is committed, and the one that clients were last given.

What the file says does not depend on where the API runs: its addresses are examples.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tandem_api.application import create_app
from tandem_api.settings import Settings

ROOT = Path(__file__).parents[4]
DOCUMENT = Path("services/api-fastapi/openapi.json")
PUBLISHED = Path("services/api-fastapi/published/openapi.json")
OASDIFF = Path(".tools/oasdiff/oasdiff")
# Generated clients name their functions by the operations' ids.
SEVERITY = ROOT / "services/api-fastapi/oasdiff/severity.txt"
# Between the notice that an operation is deprecated and its end.
NOTICE_DAYS = 90
ADVICE = """
Clients were given what is published: it may grow, and what they send or read stays as it is. A deprecated operation may
go after its sunset. See docs/api-rules.md."""


def document() -> dict[str, Any]:
    """The description with example addresses, of this release."""
    settings = Settings(
        environment="test",
        api_url="https://api.tandem.example",
        admin_url="https://accounts.tandem.example",
        database_url=SecretStr("postgresql://nowhere"),
        kafka_bootstrap_servers="nowhere",
    )
    return create_app(settings).openapi()


def as_json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def check(root: Path) -> str:
    """What to do about the committed document; empty when it says what the API does."""
    path = root / DOCUMENT
    if path.exists() and path.read_text() == as_json(document()):
        return ""
    return f"{DOCUMENT}: out of date\nrun: tandem-openapi generate"


def breaking(before: Path, after: Path, oasdiff: Path) -> str:
    """What in `after` breaks clients that were made from `before`; empty when nothing does."""
    rules = ["--fail-on", "WARN", "--severity-levels", str(SEVERITY), "--deprecation-days-stable", str(NOTICE_DAYS)]
    found = subprocess.run(  # noqa: S603 - our own tool, our own files
        [oasdiff, "breaking", before, after, *rules, "--format", "singleline", "--color", "never"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (found.stdout + found.stderr).strip() if found.returncode else ""


def compatible(root: Path) -> str:
    """What breaks the clients of what was published last."""
    if not (root / PUBLISHED).exists():
        return "nothing is published yet; run: tandem-openapi publish"
    found = breaking(root / PUBLISHED, root / DOCUMENT, root / OASDIFF)
    return f"{found}\n{ADVICE}" if found else ""


def publish(root: Path) -> str:
    """Make today's document the one that the next release is held to, unless it breaks the last one's clients."""
    published = root / PUBLISHED
    problems = check(root) or (compatible(root) if published.exists() else "")
    if not problems:
        published.parent.mkdir(exist_ok=True)
        published.write_text((root / DOCUMENT).read_text())
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(prog="tandem-openapi", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help=f"write {DOCUMENT}")
    commands.add_parser("check", help="tell whether it is up to date")
    commands.add_parser("compatible", help="tell what would break the clients of the last release (needs oasdiff)")
    commands.add_parser("publish", help="at a release: hold the next one to the description of today")
    match parser.parse_args().command:
        case "generate":
            (ROOT / DOCUMENT).write_text(as_json(document()))
        case "check":
            sys.exit(check(ROOT) or 0)
        case "compatible":
            sys.exit(compatible(ROOT) or 0)
        case "publish":
            sys.exit(publish(ROOT) or 0)
