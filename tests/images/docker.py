"""docker as these tests use it: containers as restricted as the charts' pods, on this machine's network."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# As a pod of namespaces that enforce `restricted`, with an emptyDir at /tmp.
RESTRICTED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host")
SECRETS = "/etc/tandem/secrets"


def docker(*arguments: str, check: bool = True) -> str:
    finished = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 0 or not check, f"docker {arguments[0]}: {finished.stdout}{finished.stderr}"
    return finished.stdout


def run_once(image: str, *command: str, env: Mapping[str, str] | None = None) -> str:
    """Run the command to its end, which must be a good one, and return what it printed."""
    return docker("run", "--rm", *RESTRICTED, *_variables(env or {}), image, *command)


class Container:
    def __init__(self, name: str) -> None:
        self.id = name

    def logs(self) -> str:
        finished = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)
        return finished.stdout + finished.stderr

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(docker("inspect", "--format={{json .State}}", self.id))
        return state

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert self.state()["Running"], f"ended: {self.logs()}"
            assert time.monotonic() < end, f"not ready after {seconds} s: {self.logs()}"
            time.sleep(0.1)

    def stop(self, grace: int) -> int:
        """SIGTERM, SIGKILL after the grace; returns the exit status, which is 137 after the latter."""
        docker("stop", "-t", str(grace), self.id)
        return int(self.state()["ExitCode"])


@contextmanager
def running(image: str, *command: str, env: Mapping[str, str], secrets: Path | None = None) -> Iterator[Container]:
    """Run a container while the block runs; what is in `secrets` is mounted as files."""
    mount = [f"--volume={secrets}:{SECRETS}:ro", f"--env=TANDEM_SECRETS_DIRECTORY={SECRETS}"] if secrets else []
    container = Container(docker("run", "--detach", *RESTRICTED, *mount, *_variables(env), image, *command).strip())
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container.id)


def _variables(env: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in env.items()]


def settings_of(env: Mapping[str, str] | None) -> dict[str, str]:
    """The settings among the variables of a command of this machine."""
    return {name: value for name, value in (env or {}).items() if name.startswith("TANDEM_")}
