"""The probe against a store that has good and bad days; tests/e2e has it against the real one."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fake_store import FakeStore
from prometheus_client import REGISTRY
from tandem_runtime.health import Health
from tandem_worker.probe import metrics
from tandem_worker.probe.main import order_once, run_probe
from tandem_worker.settings import ProbeSettings

SECRET, CARD = "the secret of the client", "tok_of_the_store"


def settings(store: FakeStore, **changes: object) -> ProbeSettings:
    values = {
        "environment": "test",
        "admin_url": store.url,
        "api_url": store.url,
        "probe_client_secret": SECRET,
        "probe_payment_token": CARD,
        "probe_patience_seconds": 1,
    }
    return ProbeSettings.model_validate(values | changes)


def counted(step: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("tandem_probe_steps_total", {"step": step, "outcome": outcome}) or 0


def success_age() -> float:
    age = REGISTRY.get_sample_value("tandem_probe_success_age_seconds")
    assert age is not None
    return age


@pytest.fixture
def steps() -> Callable[[], dict[str, str]]:
    """What became of the steps since the fixture was made."""
    before = {(step, outcome): counted(step, outcome) for step in metrics.STEPS for outcome in ("passed", "failed")}

    def changed() -> dict[str, str]:
        return {step: outcome for (step, outcome), count in before.items() if counted(step, outcome) > count}

    return changed


async def test_an_order_goes_from_the_login_to_its_cancellation(steps: Callable[[], dict[str, str]]) -> None:
    store = FakeStore()
    with store.open():
        assert await order_once(settings(store))

    assert steps() == dict.fromkeys(metrics.STEPS, "passed")
    assert store.cancelled == ["order-1"]
    assert success_age() < 60


async def test_a_card_that_is_declined_is_an_end_too(steps: Callable[[], dict[str, str]]) -> None:
    store = FakeStore(life=("placed", "rejected"), reason="payment_declined")
    with store.open():
        assert await order_once(settings(store))

    assert steps() == dict.fromkeys(set(metrics.STEPS) - {"cancellation"}, "passed")
    assert store.cancelled == []


@pytest.mark.parametrize(
    ("store", "step", "told"),
    [
        (FakeStore(broken={"/token": 401}), "login", "401 Broken on purpose"),
        (FakeStore(broken={"/v1/orders": 503}), "orders", "503 Broken on purpose"),
        (FakeStore(broken={"/PROBE": 404}), "catalogue", "404 Broken on purpose"),
        (FakeStore(life=("placed", "rejected"), reason="out_of_stock"), "decision", "rejected: out_of_stock"),
        (FakeStore(life=("placed", "reserved")), "decision", "still reserved after 1 s"),
        (FakeStore(broken={"/cancellation": 500}), "cancellation", "500 Broken on purpose"),
        (FakeStore(garbled=True), "login", "DecodingError"),
        (FakeStore(strange={"/openid-configuration": {}}), "login", "KeyError: 'token_endpoint'"),
        (FakeStore(strange={"/openid-configuration": {"token_endpoint": "http://\x00"}}), "login", "InvalidURL"),
        (FakeStore(strange={"/token": []}), "login", "TypeError"),
        (FakeStore(strange={"/token": None}), "login", "TypeError"),
        (FakeStore(strange={"/v1/orders": {}}), "orders", "KeyError: 'items'"),
        (FakeStore(strange={"/order-1": {}}), "decision", "KeyError: 'state'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_failure_is_counted_where_it_happens_and_told(
    store: FakeStore, step: str, told: str, steps: Callable[[], dict[str, str]]
) -> None:
    with store.open(), structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        assert not await order_once(settings(store))

    before = metrics.STEPS[: metrics.STEPS.index(step)]
    assert steps() == dict.fromkeys(before, "passed") | {step: "failed"}
    (line,) = logs
    assert line["event"] == "probe failed"
    assert line["step"] == step
    assert told in line["error"]
    assert ("order_id" in line) == (step in ("decision", "cancellation"))
    assert SECRET not in str(line)
    assert CARD not in str(line)


async def test_a_store_that_is_away_fails_the_login(steps: Callable[[], dict[str, str]]) -> None:
    store = FakeStore()
    with store.open():
        away = settings(store)

    assert not await order_once(away)
    assert steps() == {"login": "failed"}


async def test_what_an_earlier_process_left_is_cancelled() -> None:
    store = FakeStore(left=("cancelled", "paid", "shipped", "placed"))
    with store.open():
        await order_once(settings(store))

    assert store.cancelled == ["left-1", "left-3", "order-1"]


async def test_it_orders_again_and_again_and_stops_at_once() -> None:
    store, stop, health = FakeStore(life=("placed",)), asyncio.Event(), Health()
    with store.open():
        running = asyncio.create_task(
            run_probe(settings(store, probe_interval_seconds=1, probe_patience_seconds=1), health, stop)
        )
        async with asyncio.timeout(60):
            while store.placed < 2:
                await asyncio.sleep(0.05)
            assert health.ready
            stop.set()
            await running


async def test_the_age_of_the_last_success_rises_until_there_is_one() -> None:
    store = FakeStore(life=("placed",))
    metrics.begin()
    began = success_age()
    with store.open():
        await order_once(settings(store))
        assert success_age() > began
        store.life = ("paid",)
        late = success_age()
        await order_once(settings(store))
    assert success_age() < late


async def test_the_certificate_of_the_store_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    context, authority = served_until(ends, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    store = FakeStore()
    with store.open(context):
        assert await order_once(settings(store))

    noted = REGISTRY.get_sample_value("tandem_certificate_not_after_seconds", {"of": "api"})
    assert noted == ends.timestamp()


def served_until(ends: datetime, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of its own, and the file of whom to trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "store")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=5))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "store.pem", folder / "store.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem
