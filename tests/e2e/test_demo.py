"""The demonstration as a newcomer starts it: the whole system, one order through it, nothing left."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from described import objections, stated_by
from kafka_records import read_to_end
from tandem_contracts import generate
from tandem_contracts.envelope import from_kafka
from tandem_contracts.topics import TOPICS
from tandem_local.kafka import running_kafka

TANDEM = str(Path(sys.executable).with_name("tandem"))
SECONDS = 240


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process whose command line or environment names the home."""
    found = []
    for process in psutil.process_iter():
        try:
            mentions = [*process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            continue
        if any(str(home) in mention for mention in mentions):
            found.append(process)
    return found


def assert_nothing_left(home: Path) -> None:
    deadline = time.monotonic() + 30
    while left := processes_of(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the demonstration keeps its data; its parents let the account of Postgres pass."""
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o755)
    return tmp_path / "home"


def test_one_command_carries_a_real_order_through(home: Path) -> None:
    ended = subprocess.run(
        [TANDEM, "demo", "--once", "--home", str(home)], capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    states = re.findall(r"live +order\.\w+\.v1 → (\w+)", ended.stdout)
    assert states == ["placed", "reserved", "paid", "shipped"]
    trace = ended.stdout[ended.stdout.index("Trace ") :]
    for part in ("api", "worker-relay", "worker-orders", "payment-sandbox"):
        assert re.search(rf"^{part} .*█", trace, re.MULTILINE), f"{part} is not in the trace"
    assert_nothing_left(home)
    assert_events_are_as_described(home)


def assert_events_are_as_described(home: Path) -> None:
    """Every record that is left in the topics keeps what the AsyncAPI document says."""
    document = json.loads((generate.ROOT / generate.DOCUMENT).read_text())
    types = set()
    with running_kafka(home) as kafka:
        for topic in TOPICS:
            for record in asyncio.run(read_to_end(kafka.bootstrap_servers, topic.name)):
                assert objections(document, topic.name, record.key, record.value, record.headers) == []
                event = from_kafka(record.value, record.headers)
                assert event.type in stated_by(document, event.source.removeprefix("/tandem/"))
                types.add(event.type)
    assert types >= {
        "product.published.v1",
        "stock.received.v1",
        "order.placed.v1",
        "order.paid.v1",
        "order.shipped.v1",
    }


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGKILL, "Postgres"),
        (signal.SIGKILL, "Kafka"),
        (signal.SIGKILL, "live"),
        (signal.SIGTERM, "Kafka"),
        (signal.SIGINT, "Payment sandbox"),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else f"after {value}",
)
def test_whenever_it_is_stopped_nothing_is_left(home: Path, number: signal.Signals, phase: str) -> None:
    log = home.with_suffix(".log")
    with log.open("w") as output:
        demo = subprocess.Popen(
            [TANDEM, "demo", "--home", str(home)],
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while phase not in log.read_text():
            assert demo.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        time.sleep(0.3)
        demo.send_signal(number)
        status = demo.wait(60)
    finally:
        demo.kill()

    assert status == (-9 if number is signal.SIGKILL else 128 + number), log.read_text()
    assert_nothing_left(home)
