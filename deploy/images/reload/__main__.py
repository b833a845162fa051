"""The development images' entry point: begins the service anew when a Python file in one of the folders changes.

    python reload FOLDER... -- COMMAND ARGUMENTS...

Most of a start is done before it: this process, which stays, imports what the service has imported from outside of the
folders, and each start is a fork of it, to which only the folders' own modules are left. With TANDEM_DEBUG_PORT a
debugger can be attached there; such a start is a process of its own and does all of it.
"""

import os
import runpy
import shutil
import sys
from pathlib import Path

from reloader import Reloader

# These end, and are to stay ended.
ENDING = (["tandem-manage"], ["tandem-worker", "purge"])


def main() -> None:
    end = sys.argv.index("--")
    folders, command = sys.argv[1:end], sys.argv[end + 1 :]
    program = shutil.which(command[0])
    if program is None or not is_python(program) or any(command[: len(one)] == one for one in ENDING):
        os.execvp(command[0], command)
    sys.path[0] = str(Path(program).parent)
    status = Reloader([Path(one).resolve() for one in folders]).run()
    if status is not None:
        os._exit(status)  # what was imported early has nothing to tidy up
    if port := os.environ.get("TANDEM_DEBUG_PORT"):
        debugger = [sys.executable, "-Xfrozen_modules=off", "-m", "debugpy", "--listen", f"0.0.0.0:{port}"]
        os.execv(sys.executable, [*debugger, program, *command[1:]])
    sys.argv = [program, *command[1:]]
    runpy.run_path(program, run_name="__main__")


def is_python(program: str) -> bool:
    with Path(program).open("rb") as file:
        line = file.readline(200)
    return line.startswith(b"#!") and b"python" in line


if __name__ == "__main__":
    main()
