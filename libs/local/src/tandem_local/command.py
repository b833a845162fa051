"""The entry of `tandem`, kept light: what is imported here cannot be interrupted quietly."""

import sys


def main() -> None:
    try:
        from tandem_local.main import app  # noqa: PLC0415 - half a second, in which somebody may press Ctrl-C

        app()
    except KeyboardInterrupt:
        sys.exit(130)
