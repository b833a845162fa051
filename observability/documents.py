"""What is written for people and has to work: expressions, statements and commands in runbooks and docs."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNBOOKS = ROOT / "observability" / "runbooks"
_BLOCK = re.compile(r"^( *)```(promql|sql|sh)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, and its text."""

    page: str
    language: str
    text: str

    def lines(self) -> list[str]:
        """Expressions and commands are one a line."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]


def blocks(*languages: str) -> list[Block]:
    """Every block of these languages in the runbooks, and of PromQL in docs/operations.md."""
    pages = sorted(RUNBOOKS.glob("*.md"))
    found = [block for page in pages for block in _blocks(page)]
    found += [block for block in _blocks(ROOT / "docs" / "operations.md") if block.language == "promql"]
    return [block for block in found if block.language in languages]


def _blocks(page: Path) -> list[Block]:
    return [Block(page.name, match[2], match[3]) for match in _BLOCK.finditer(page.read_text())]
