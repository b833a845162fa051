"""The sandbox's own SQLite file: durable against a crash of the process and of the machine."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

BUSY_SECONDS = 5


class Database:
    """One connection, one transaction at a time: SQLite has one writer anyway. Call it from threads, not the loop."""

    def __init__(self, path: Path) -> None:
        """Open the file, made with its directory when missing; sqlite3.OperationalError when that cannot be."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # WAL alone may lose the last commits when the power fails; a payment must not.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(files("payment_sandbox").joinpath("schema.sql").read_text())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block did, or nothing of it when it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def reason_against(self) -> str | None:
        """Return why payments cannot be recorded now, None when they can."""
        try:
            with self.transaction() as connection:
                connection.execute("SELECT count(*) FROM outage")
        except sqlite3.Error as error:
            return str(error)
        return None

    def close(self) -> None:
        with self._lock:
            self._connection.close()
