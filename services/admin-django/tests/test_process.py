"""The admin as it runs: gunicorn with its configuration, in a process of its own."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry
from tandem_admin.identity.metrics import SIGNING_KEY_AGE, SIGNING_KEY_LEFT
from tandem_admin.readiness import MISSING_MIGRATIONS
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.processes import Command, Running, running_process
from tandem_local.programs import manage, program
from tandem_local.spans import receiving_spans
from tandem_runtime import http_telemetry, metrics
from tandem_runtime.metrics_contract import undeclared

CONTRACT = Path(__file__).parents[3] / "observability" / "metrics.yaml"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLBACK = "http://127.0.0.1:8765/callback"
VERIFIER = "v" * 64


@dataclass(frozen=True)
class Admin:
    url: str
    operations: str
    running: Running
    log: Path

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def readiness(self) -> int:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.operations}/readyz").status_code
        return 0

    def pid(self) -> int:
        listening = next(line for line in self.lines() if str(line["event"]).startswith("Listening"))
        match = re.search(r"\((\d+)\)", str(listening["event"]))
        assert match
        return int(match[1])


def environment(database_url: str, port: int, operations: int, key: str) -> dict[str, str]:
    return {
        "TANDEM_ENVIRONMENT": "test",
        "TANDEM_DATABASE_URL": database_url,
        "TANDEM_ADMIN_URL": f"http://127.0.0.1:{port}",
        "TANDEM_API_URL": "http://127.0.0.1:1",
        "TANDEM_PORT": str(port),
        "TANDEM_OPERATIONS_PORT": str(operations),
        "TANDEM_OIDC_PRIVATE_KEYS": json.dumps([{"pem": key}]),
        "TANDEM_STAFF_SECOND_FACTOR": "false",
        "TANDEM_DEMO_STAFF_PASSWORD": "staff password 1",
        "TANDEM_DEMO_CUSTOMER_PASSWORD": "ada password 1",
    }


@contextmanager
def running_admin(
    database_url: str, key: str, folder: Path, *, load_demo: bool = False, **settings: str
) -> Iterator[Admin]:
    port, operations = free_port(), free_port()
    env = environment(database_url, port, operations, key) | {"OTEL_EXPORTER_OTLP_ENDPOINT": ""} | settings
    if load_demo:
        manage("load_demo", env=env, logs=folder)
    argv = [program("gunicorn"), "-c", "python:tandem_admin.gunicorn", "tandem_admin.wsgi"]
    command = Command(name="admin", argv=argv, log=folder / "admin.log", env=os.environ | env)
    with running_process(command) as running:
        admin = Admin(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{operations}", running, command.log)
        running.wait_until(lambda: admin.readiness() != 0, seconds=30)
        yield admin


@pytest.fixture(scope="module")
def admin(admin_database: Database, private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    folder = tmp_path_factory.mktemp("admin")
    with running_admin(admin_database.url("tandem_admin"), private_key, folder) as running:
        running.running.wait_until(lambda: running.readiness() == 200)
        yield running


def test_it_serves_its_styles_without_debug(admin: Admin) -> None:
    page = httpx.get(f"{admin.url}/accounts/login/")
    assert page.status_code == 200
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    answer = httpx.get(f"{admin.url}{style}")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/css")
    assert httpx.get(f"{admin.url}/static/unfold/css/styles.css").status_code == 200


def test_it_asks_nobody_else_for_anything(admin: Admin) -> None:
    for path in ("/accounts/login/", "/admin/login/"):
        page = httpx.get(f"{admin.url}{path}").text
        assert re.findall(r'(?:src|href)="(https?:)?//', page) == []


def test_it_answers_on_its_own_host_only(admin: Admin) -> None:
    assert httpx.get(f"{admin.url}/admin/login/", headers={"Host": "evil.example"}).status_code == 400


def test_it_counts_requests_by_route(admin: Admin) -> None:
    httpx.get(f"{admin.url}/admin/orders/order/3/change/")
    httpx.get(f"{admin.url}/nothing/7")
    httpx.get(f"{admin.url}/static/tandem_admin/admin.css")
    exposed = httpx.get(f"{admin.operations}/metrics").text
    for labels in (
        'method="GET",route="/admin/orders/order/<path:object_id>/change/",status="302"',
        'method="GET",route="unmatched",status="404"',
        'method="GET",route="/static/*",status="200"',
    ):
        assert f"tandem_http_server_request_duration_seconds_count{{{labels}}}" in exposed
    assert 'tandem_build_info{service="admin",' in exposed


def test_its_metrics_are_declared() -> None:
    registry = CollectorRegistry()
    ours = (MISSING_MIGRATIONS, SIGNING_KEY_AGE, SIGNING_KEY_LEFT)
    for metric in (http_telemetry.REQUEST_DURATION, metrics.BUILD_INFO, *ours):
        registry.register(metric)
    assert undeclared(registry, CONTRACT) == []


def test_it_logs_each_request_as_json_with_the_callers_trace(admin: Admin) -> None:
    httpx.get(
        f"{admin.url}/accounts/login/?next=/secret-code",
        headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"},
    )
    (line,) = [line for line in admin.lines() if line.get("trace_id") == TRACE_ID]
    assert (line["event"], line["service"], line["route"], line["status"]) == (
        "request",
        "admin",
        "/accounts/login/",
        200,
    )
    assert "secret-code" not in json.dumps(line)


def test_without_its_database_it_lives_but_is_not_ready(private_key: str, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://tandem_admin:x@127.0.0.1:{nobody.getsockname()[1]}/tandem"
        with running_admin(url, private_key, tmp_path) as admin:
            answer = httpx.get(f"{admin.operations}/readyz")
            assert answer.status_code == 503
            assert "database" in answer.json()["reasons"]
            assert httpx.get(f"{admin.operations}/livez").status_code == 200


def test_without_its_database_it_asks_to_come_again(private_key: str, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://tandem_admin:x@127.0.0.1:{nobody.getsockname()[1]}/tandem"
        with running_admin(url, private_key, tmp_path) as admin:
            answer = httpx.get(f"{admin.url}/", headers={"Cookie": f"sessionid={'s' * 32}"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "try again" in answer.text


def test_a_schema_that_lacks_a_migration_is_not_ready(
    database: Database, postgres_server: str, private_key: str, tmp_path: Path
) -> None:
    import psycopg  # noqa: PLC0415 - the superuser's, for what no service may do

    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute("DELETE FROM django_migrations WHERE app = 'orders'")
    with running_admin(database.url("tandem_admin"), private_key, tmp_path) as admin:
        assert "orders" in httpx.get(f"{admin.operations}/readyz").json()["reasons"]["database"]
        exposed = httpx.get(f"{admin.operations}/metrics").text
    (missing,) = re.findall(r"^tandem_schema_missing_migrations (\S+)$", exposed, re.MULTILINE)
    assert float(missing) > 0


def test_a_code_that_is_used_twice_at_once_is_good_for_one(
    database: Database, private_key: str, tmp_path: Path
) -> None:
    with (
        running_admin(database.url("tandem_admin"), private_key, tmp_path, load_demo=True) as admin,
        httpx.Client(base_url=admin.url) as browser,
    ):
        _log_in(browser)
        for _ in range(3):
            code = _authorize(browser)
            answers = _at_once(admin, {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER})
            good = [answer.json() for answer in answers if answer.status_code == 200]
            assert len(good) == 1
            refresh = {"grant_type": "refresh_token", "refresh_token": good[0]["refresh_token"]}
            assert [answer.status_code for answer in _at_once(admin, refresh)].count(200) == 1


def test_with_a_collector_its_traces_reach_into_the_database(
    admin_database: Database, private_key: str, tmp_path: Path
) -> None:
    with receiving_spans() as receiver:
        url = admin_database.url("tandem_admin")
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "TANDEM_TRACE_STATEMENT_SECONDS": "0"}
        with running_admin(url, private_key, tmp_path, **told) as admin:
            data = {"login": "nobody@example.com", "password": "wrong"}
            with httpx.Client(
                base_url=admin.url, headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
            ) as caller:
                _post_form(caller, "/accounts/login/", data)
        spans = receiver.spans.trace(TRACE_ID)
    assert {"GET accounts/login/", "POST accounts/login/"} <= {span.name for span in spans if span.kind == "server"}
    assert "SELECT" in {span.name.partition(" ")[0] for span in spans if span.kind == "client"}
    assert {span.service for span in spans} == {"admin"}


def test_it_stops_when_it_is_asked_and_finishes_what_it_began(
    database: Database, private_key: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        admin = stack.enter_context(running_admin(database.url("tandem_admin"), private_key, tmp_path))
        os.kill(admin.pid(), signal.SIGTERM)
        admin.running.wait(seconds=10)
        assert admin.running.ended == 0
    assert not [line for line in admin.lines() if line["level"] in ("error", "critical")]


def test_an_idle_connection_is_kept_as_long_as_is_said(
    admin_database: Database, private_key: str, tmp_path: Path
) -> None:
    url = admin_database.url("tandem_admin")
    with running_admin(url, private_key, tmp_path, TANDEM_KEEP_ALIVE_SECONDS="2") as admin:
        address = urlsplit(admin.url)
        # Less than the default of 75.
        with socket.create_connection((address.hostname, address.port), timeout=40) as connection:
            connection.sendall(f"HEAD /accounts/login/ HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            assert b"connection: keep-alive" in connection.recv(65536).lower()
            assert connection.recv(1) == b""


def test_with_wrong_settings_it_says_so_and_does_not_start() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    finished = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "python:tandem_admin.gunicorn", "tandem_admin.wsgi"],
        env=kept,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert finished.returncode == 2
    assert "settings: TANDEM_SECRET_KEY must be set in production" in finished.stderr
    assert "Traceback" not in finished.stderr


def _log_in(browser: httpx.Client) -> None:
    data = {"login": "ada@tandem.example", "password": "ada password 1"}
    assert _post_form(browser, "/accounts/login/", data).status_code == 302


def _post_form(browser: httpx.Client, path: str, data: dict[str, str]) -> httpx.Response:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(path).text)
    assert token
    return browser.post(path, data=data | {"csrfmiddlewaretoken": token[1]})


def _authorize(browser: httpx.Client) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "tandem-mobile",
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    location = browser.get("/identity/o/authorize", params=asked).headers["Location"]
    return parse_qs(urlsplit(location).query)["code"][0]


def _at_once(admin: Admin, data: dict[str, str]) -> list[httpx.Response]:
    data = data | {"client_id": "tandem-mobile", "redirect_uri": CALLBACK}
    with ThreadPoolExecutor(4) as pool:
        return list(
            pool.map(lambda _: httpx.post(f"{admin.url}/identity/o/api/token", data=data, timeout=30), range(4))
        )
