"""A real Postgres on loopback, in a directory of its own."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from threading import Event

from tandem_local.accounts import Account, reaches, unprivileged_account
from tandem_local.cache import locked
from tandem_local.ports import free_port, listens, release_port
from tandem_local.postgres_binaries import postgres_programs
from tandem_local.processes import Command, ProcessFailed, Running, run, start

SUPERUSER = "postgres"
ATTEMPTS = 3
STATE_LINE = 8  # of postmaster.pid

# Data directories of root whose checkout the server's user cannot enter, such as one in root's home.
SYSTEM_DATA = Path("/var/lib/tandem")
OWNER_NOTE = "belongs-to"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What a power cut would do to a test database is no matter; a test run waits for no disk.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class PostgresServer:
    host: str
    port: int
    password: str
    running: Running

    @property
    def url(self) -> str:
        """The superuser's URL of the database postgres."""
        return f"postgresql://{SUPERUSER}:{self.password}@{self.host}:{self.port}/postgres"


@contextmanager
def running_postgres(home: Path, *, durable: bool, stop: Event | None = None) -> Iterator[PostgresServer]:
    """Run Postgres with its data in `home`/postgres while the block runs; it serves when the block begins.

    Data, password and, if it is still free, the port are those of the last run in the same home.
    Not durable: a crash loses what was written last, or with the machine's crash everything; for tests.
    Raises ProcessFailed with the end of its log, TimeoutError when another run uses the data.
    """
    account = unprivileged_account()
    place = home / "postgres"
    place.mkdir(parents=True, exist_ok=True)
    # Postgres and all its children inherit the lock: while we hold it, nobody else has the data directory open.
    with locked(place / "lock", seconds=60, stop=stop) as lock:
        programs = postgres_programs(account, stop=stop)
        cluster = _Cluster(place, _data_directory(place, account), programs, account, durable, lock, stop)
        if not (cluster.data / "PG_VERSION").exists():
            cluster.initialize()
        (cluster.data / "postmaster.pid").unlink(
            missing_ok=True
        )  # of a run that was killed; its pid may be taken again
        server = cluster.start()
        try:
            yield server
        finally:
            server.running.stop()
            release_port(server.port)


def remove_postgres(home: Path) -> None:
    """Remove the data of `home`, also where it lies outside of it."""
    data = home / "postgres" / "data"
    if data.is_symlink():
        shutil.rmtree(data.resolve().parent, ignore_errors=True)
    shutil.rmtree(home / "postgres", ignore_errors=True)


def _data_directory(place: Path, account: Account | None) -> Path:
    link = place / "data"
    if link.exists() or account is None or reaches(account, place):
        return link.resolve()
    _remove_orphans()
    outside = SYSTEM_DATA / hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:16] / "data"
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    outside.parent.mkdir(parents=True, exist_ok=True)
    (outside.parent / OWNER_NOTE).write_text(str(link.absolute()))
    return outside


def _remove_orphans() -> None:
    """Remove data outside of homes that somebody removed, such as a test's temporary directory."""
    for note in SYSTEM_DATA.glob(f"*/{OWNER_NOTE}"):
        link = Path(note.read_text())
        if not link.is_symlink() or link.resolve().parent != note.parent:
            shutil.rmtree(note.parent, ignore_errors=True)


@dataclass(frozen=True)
class _Cluster:
    place: Path
    data: Path
    programs: Path
    account: Account | None
    durable: bool
    lock: int
    stop: Event | None

    def initialize(self) -> None:
        unfinished = self.data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password = self.place / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        handed_over = unfinished.with_name("initial-password")  # where the server's user can read it
        shutil.copy(password, handed_over)
        if self.account:
            for path in (unfinished, handed_over):
                shutil.chown(path, self.account.uid, self.account.gid)
        options = ["--auth=scram-sha-256", f"--pwfile={handed_over}", f"--username={SUPERUSER}", "--encoding=UTF8"]
        options += ["--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"]
        options += [] if self.durable else ["--no-sync"]
        argv = [str(self.programs / "initdb"), "-D", str(unfinished), *options]
        log = self.place.parent / "logs" / "initdb.log"
        run(Command(name="initdb", argv=argv, log=log, cwd=unfinished, account=self.account), stop=self.stop)
        handed_over.unlink()
        unfinished.rename(self.data)

    def start(self) -> PostgresServer:
        last_port = self.place / "port"
        preferred = int(last_port.read_text()) if last_port.exists() else None
        for attempt in range(1, ATTEMPTS + 1):
            port = free_port(preferred if attempt == 1 else None)
            running = start(self._command(port))
            try:
                running.wait_until(self._is_ready, seconds=120, stop=self.stop)
            except BaseException as error:
                running.stop()
                release_port(port)
                port_was_lost = isinstance(error, ProcessFailed) and listens(port)
                if attempt == ATTEMPTS or not port_was_lost:
                    raise
                continue
            last_port.write_text(str(port))
            return PostgresServer("127.0.0.1", port, (self.place / "password").read_text(), running)
        raise AssertionError("unreachable")

    def _command(self, port: int) -> Command:
        settings = SETTINGS | ({} if self.durable else NOT_DURABLE) | {"port": str(port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Command(
            name="Postgres",
            argv=[str(self.programs / "postgres"), "-D", str(self.data), *options],
            log=self.place.parent / "logs" / "postgres.log",
            cwd=self.data,
            stop=SIGINT,  # "fast": ends sessions, writes a checkpoint
            grace=15,
            account=self.account,
            holds=[self.lock],
        )

    def _is_ready(self) -> bool:
        """As pg_ctl asks: Postgres accepts connections before it can serve them."""
        try:
            status = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(status) >= STATE_LINE and status[STATE_LINE - 1].strip() == "ready"
