# ruff: noqa: INP001 - a script, not a package
"""Install what Tandem needs into this checkout, then become one of its commands.

    python3 libs/local/start.py [--stop-with-parent] COMMAND ARGUMENTS...

Needs Python 3.11 and pip, nothing else: imports the standard library only. It installs uv into .tools, the workspace
from uv.lock into .venv, both only when something changed since the last time, and then runs .venv/bin/COMMAND in its
own place (exec). What the command needs beyond Python's packages it fetches itself.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells it, to whoever runs an older one
    sys.exit(f"Tandem needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")

import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

UV_VERSION = "0.13.9"
ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / ".tandem-installed"
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Have the kernel send us a signal when our parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def run(what: str, command: list[str], variables: dict[str, str]) -> None:
    """Run a step, tell what it is and how long it took; end this program with its output if it fails."""
    alive = sys.stderr.isatty()
    began = time.monotonic()
    myself = os.getpid()
    with tempfile.TemporaryFile() as output:
        step = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | variables,
            preexec_fn=lambda: die_with_parent(myself, signal.SIGKILL),  # noqa: PLW1509 - there is one thread
        )
        try:
            while step.poll() is None:
                if alive:
                    say(f"\r{what} … {time.monotonic() - began:.0f} s", end="")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    step.wait(0.5)
        finally:
            step.kill()
            step.wait()
        took = f"{time.monotonic() - began:.1f} s"
        say(f"\r{what} … {took}" if alive else f"{what} … {took}")
        if step.returncode:
            output.seek(0)
            say(output.read().decode(errors="replace"))
            sys.exit(f"{what}: failed with status {step.returncode}: {' '.join(command)}")


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one start at a time install into this checkout."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start in this checkout …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed_uv() -> Path:
    """Return the pinned uv, installed by pip into .tools: that works where the system's Python is not to be touched."""
    home = TOOLS / f"uv-{UV_VERSION}"
    if not home.exists():
        unfinished = TOOLS / f".uv-{UV_VERSION}"
        shutil.rmtree(unfinished, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        run(f"installing uv {UV_VERSION}", [*pip, "--target", str(unfinished), f"uv=={UV_VERSION}"], {})
        unfinished.rename(home)
    return home / "bin" / "uv"


def fingerprint() -> str:
    """What the installed workspace depends on: if it changes, it is installed again."""
    inputs = [ROOT / "uv.lock", ROOT / "pyproject.toml"]
    inputs += sorted([*ROOT.glob("services/*/pyproject.toml"), *ROOT.glob("libs/*/pyproject.toml")])
    digest = hashlib.sha256(f"{ROOT} {sys.version} {Path(sys.executable).resolve()}".encode())
    for file in inputs:
        digest.update(f"{file} ".encode() + file.read_bytes())
    return digest.hexdigest()


def install() -> None:
    """Bring .venv to what uv.lock says."""
    wanted = fingerprint()
    with alone():
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        uv = installed_uv()
        variables = {
            "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "VIRTUAL_ENV": "",
        }
        command = [str(uv), "sync", "--frozen", "--project", str(ROOT)]
        run("installing the workspace from uv.lock", command, variables)
        STAMP.write_text(wanted)


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--stop-with-parent"]:
        parent = os.getppid()
        die_with_parent(parent, signal.SIGTERM)
        # `tandem` watches it where the kernel does not. With our own id, which exec keeps: what `tandem` or a test
        # starts in turn has another parent to care about.
        os.environ["TANDEM_PARENT"] = f"{os.getpid()}:{parent}"
        arguments = arguments[1:]
    if not arguments:
        sys.exit(__doc__)
    try:
        install()
    except KeyboardInterrupt:
        sys.exit(130)
    command, *rest = arguments
    program = ENVIRONMENT / "bin" / command
    if not program.exists():
        sys.exit(f"there is no command {command} in {ENVIRONMENT / 'bin'}")
    os.chdir(ROOT)
    os.execv(program, [str(program), *rest])  # noqa: S606 - becoming it is the point


if __name__ == "__main__":
    main()
