"""What a service imports from elsewhere than its folders, imported before it starts.

Which modules these are the service itself tells, each time it runs. A scout tries them first.
"""

import importlib
import json
import os
import select
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path


class Fence:
    """Keeps the folders' modules out of the process that stays: in its forks they would be as they once were."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._lies_within = cache(self._find)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if self.is_own(name):
            raise ModuleNotFoundError(name)

    def is_own(self, name: str) -> bool:
        return self._lies_within(name.partition(".")[0])

    def _find(self, package: str) -> bool:
        if (spec := PathFinder.find_spec(package)) is None:
            return False
        places = [Path(one).resolve() for one in (spec.origin, *(spec.submodule_search_locations or ())) if one]
        return any(place.is_relative_to(folder) for place in places for folder in self._folders)


class Recorder:
    """Tells what the service imports, and what it has set in its environment before, since modules read that."""

    def __init__(self, teller: int) -> None:
        self._teller = teller
        self._given = dict(os.environ)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        environ = {key: value for key, value in os.environ.items() if self._given.get(key) != value}
        tell(self._teller, "imported", name, environ)


def try_out(environs: dict[str, dict[str, str]], teller: int) -> None:
    """Be the scout, a fork that is thrown away: tell which modules can be imported early.

    Left out is what fails without our modules or a framework's settings, and what starts a thread: no fork has it.
    """
    os.nice(10)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for name, environ in environs.items():
        threads = thread_count()
        if load(name, environ) and thread_count() == threads:
            tell(teller, "sound", name)
    os._exit(0)


def thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def load(name: str, environ: dict[str, str]) -> bool:
    """Import a module with the environment that it had in the service; whether that went well."""
    before = {key: os.environ.get(key) for key in environ}
    os.environ.update(environ)
    try:
        importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - the service will tell, if it minds
        return False
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
    return True


def tell(teller: int, *message: object) -> None:
    line = json.dumps(message).encode() + b"\n"
    if len(line) <= select.PIPE_BUF:  # a longer one might be torn by another's; it is about one module
        os.write(teller, line)
