"""The images as they run: restricted, against real servers, with the settings that `make up` gives its processes."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psycopg
import pytest
from images.docker import Container, run_once, running, settings_of
from tandem_local.credentials import kept_credentials
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.programs import OWNER
from tandem_local.services import PROBE, PUBLIC, SERVICES, Ports, Wiring, is_ready

IMAGES = {"admin": "tandem-admin", "api": "tandem-api", "payment": "tandem-payment-sandbox"}
GRACE = 20


@dataclass(frozen=True)
class Stage:
    tag: str
    wiring: Wiring
    database: Database

    def image(self, service: str) -> str:
        return f"{IMAGES.get(service, 'tandem-worker')}:{self.tag}"

    def command(self, service: str) -> tuple[list[str], dict[str, str]]:
        """What runs in the container, and its settings."""
        command = self.wiring.commands()[service]
        settings = settings_of(command.env)
        if url := settings.get("TANDEM_DATABASE_URL"):
            settings["TANDEM_DATABASE_URL"] = self.database.url(url.split("//")[1].split(":")[0])
        return [Path(command.argv[0]).name, *command.argv[1:]], settings

    def manage(self, *command: str, role: str | None = None, **settings: str) -> str:
        env = settings_of(self.wiring.admin_settings(role=None))
        if role:
            env["TANDEM_DATABASE_URL"] = self.database.url(role)
        return run_once(self.image("admin"), "tandem-manage", *command, env=env | settings)


@pytest.fixture
def stage(tag: str, database: Database, kafka_server: str, tmp_path: Path) -> Stage:
    ports = Ports({name: free_port() for name in PUBLIC}, {name: free_port() for name in (*SERVICES, PROBE)})
    credentials = kept_credentials(tmp_path / "secrets.json")
    # Its folders are those in the container: /tmp is what can be written there.
    wiring = Wiring(Path("/tmp"), ports, credentials, traces="", postgres=database.server, kafka=kafka_server)
    stage = Stage(tag, wiring, database)
    stage.manage("provision_topics")
    return stage


@pytest.fixture
def container(stage: Stage, service: str) -> Iterator[Container]:
    command, settings = stage.command(service)
    with running(stage.image(service), *command, env=settings) as container:
        container.wait_until(lambda: is_ready(stage.wiring.ports.operations[service]))
        yield container


@pytest.mark.parametrize("service", SERVICES)
def test_it_becomes_ready_and_drains_at_sigterm(stage: Stage, container: Container, service: str) -> None:
    if service in ("admin", "api"):
        path = {"admin": "/accounts/login/", "api": "/v1/products"}[service]
        assert httpx.get(f"{stage.wiring.ports.url(service)}{path}").status_code == 200
    metrics = httpx.get(f"http://127.0.0.1:{stage.wiring.ports.operations[service]}/metrics").text
    assert "tandem_build_info" in metrics
    assert container.stop(GRACE) == 0, container.logs()


@pytest.mark.parametrize("service", ["admin"])
def test_static_files_are_those_of_the_image(stage: Stage, container: Container) -> None:
    page = httpx.get(f"{stage.wiring.ports.url('admin')}/accounts/login/").text
    style = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = httpx.get(f"{stage.wiring.ports.url('admin')}{style}")
    assert answer.status_code == 200
    # The name tells the content: only collected files are named so, and may be kept for ever.
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("service", ["relay"])
def test_secrets_may_be_mounted(stage: Stage, service: str, tmp_path: Path) -> None:
    command, settings = stage.command(service)
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "TANDEM_DATABASE_URL").write_text(settings.pop("TANDEM_DATABASE_URL") + "\n")
    with running(stage.image(service), *command, env=settings, secrets=folder) as container:
        container.wait_until(lambda: is_ready(stage.wiring.ports.operations[service]))


def test_the_purge_ends_by_itself(stage: Stage) -> None:
    settings = {"TANDEM_DATABASE_URL": stage.database.url("tandem_purge"), "TANDEM_ENVIRONMENT": "test"}
    assert "Traceback" not in run_once(stage.image("purge"), "tandem-worker", "purge", env=settings)


def test_an_empty_database_is_migrated_from_the_admins_image(stage: Stage) -> None:
    name = f"{stage.database.name}_empty"
    with psycopg.connect(stage.database.server, autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name} OWNER {OWNER}".encode())
        try:
            empty = replace(stage, database=replace(stage.database, name=name))
            empty.manage("migrate", role=OWNER)
            empty.manage("apply_grants", role=OWNER)
            assert "No migrations to apply" in empty.manage("migrate", role=OWNER)
            with psycopg.connect(empty.database.url("tandem_api")) as api:
                assert api.execute("SELECT count(*) FROM orders_order").fetchone() == (0,)
        finally:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_management_command_ends_at_sigterm_though_it_is_the_first_process(stage: Stage) -> None:
    code = (
        "from django.db import connection as c; print('begun', flush=True); c.cursor().execute('SELECT pg_sleep(120)')"
    )
    settings = settings_of(stage.wiring.admin_settings(role=None))
    settings["TANDEM_DATABASE_URL"] = stage.database.url("tandem_admin")
    with running(stage.image("admin"), "tandem-manage", "shell", "-c", code, env=settings) as container:
        container.wait_until(lambda: "begun" in container.logs())
        assert container.stop(GRACE) == 128 + signal.SIGTERM, container.logs()
