"""`python -m observability generate` writes what is made of code; `check` tells what is not as it was made."""

import json
import sys
from pathlib import Path

from observability import slos
from observability.dashboards.all import DASHBOARDS
from observability.dashboards.grafana import dashboard_json

HERE = Path(__file__).parent
DASHBOARD_FILES = HERE / "dashboards" / "json"


def files() -> dict[Path, str]:
    """Every generated file, and what it should hold."""
    dashboards = {
        DASHBOARD_FILES / f"{dashboard.name}.json": json.dumps(dashboard_json(dashboard), indent=2, ensure_ascii=False)
        + "\n"
        for dashboard in DASHBOARDS
    }
    return {**dashboards, HERE / "rules" / "slo.yaml": slos.rules_file()}


def differences() -> list[str]:
    """Files that are missing, old, or nobody's; empty when all is as it should be."""
    wanted = files()
    found = {path: path.read_text() for path in wanted.keys() | set(DASHBOARD_FILES.glob("*.json")) if path.exists()}
    return sorted(path.name for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))


def generate() -> None:
    wanted = files()
    for path in set(DASHBOARD_FILES.glob("*.json")) - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def main(arguments: list[str]) -> None:
    match arguments:
        case ["generate"]:
            generate()
        case ["check"]:
            if names := differences():
                sys.exit(f"not as generated: {', '.join(names)}. Run: python -m observability generate")
        case _:
            sys.exit("generate or check")


if __name__ == "__main__":
    main(sys.argv[1:])
