"""The user that Postgres runs as when we are root, which it refuses to be."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """The user for servers that refuse root, or None when we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError("as root, Postgres needs a user to run as: there is neither postgres nor nobody")


def reaches(account: Account, path: Path) -> bool:
    """Whether the user may enter every directory on the way to `path`, and `path` itself."""
    resolved = path.resolve()
    return all(_may_enter(account, directory) for directory in (resolved, *resolved.parents))


def _may_enter(account: Account, directory: Path) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
