"""Where webhooks do not go, and how the other end is known: real connections to real servers on this machine."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from partners import Receiver
from pydantic import ValidationError
from tandem_contracts.webhooks import new_signing_secret
from tandem_worker.settings import WebhooksSettings
from tandem_worker.webhooks.network import AddressRefusedError, CheckedNetwork, resolve
from tandem_worker.webhooks.repository import Claimed
from tandem_worker.webhooks.schedule import retry_after
from tandem_worker.webhooks.sending import Answer, sender

HOST = "hooks.partner.example"
DAY = timedelta(days=1)


def settings(**changes: object) -> WebhooksSettings:
    values: dict[str, object] = {
        "environment": "test",
        "database_url": "postgresql://nobody@127.0.0.1:9/none",
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "webhooks_timeout_seconds": 5,
    }
    return WebhooksSettings(**(values | changes))


def leading_to(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


def delivery(url: str) -> Claimed:
    return Claimed(
        id=uuid.uuid4(), lease=uuid.uuid4(), endpoint_id=uuid.uuid4(), event_id=uuid.uuid4(),
        event_type="order.paid.v1", aggregate_type="order", aggregate_id=uuid.uuid4(), version=1, body="{}",
        traceparent="", attempts=0, created_at=datetime.now(UTC), url=url, secrets=(new_signing_secret(),),
    )  # fmt: skip


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.8"],
        ["169.254.169.254"],
        ["::1"],
        ["93.184.216.34", "10.0.0.8"],
        ["::ffff:127.0.0.1"],
        [],
    ],
)
async def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str]) -> None:
    network = CheckedNetwork(allow_loopback=False, resolve=leading_to(*addresses))
    with pytest.raises(AddressRefusedError):
        await network.connect_tcp(HOST, 443, timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0"])
async def test_however_this_machine_is_written_it_is_refused(receiver: Receiver, host: str) -> None:
    network = CheckedNetwork(allow_loopback=False)
    with pytest.raises((AddressRefusedError, httpcore.ConnectError)):  # not every system reads each of them
        await network.connect_tcp(host, receiver.port, timeout=5)


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """A name is resolved once: what it says a moment later is not heard."""
    answers = iter([["127.0.0.1"], ["10.0.0.8"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    network = CheckedNetwork(allow_loopback=True, resolve=rebinding)
    stream = await network.connect_tcp(HOST, receiver.port, timeout=5)
    try:
        assert stream.get_extra_info("server_addr")[:2] == ("127.0.0.1", receiver.port)
    finally:
        await stream.aclose()
    with pytest.raises(AddressRefusedError):
        await network.connect_tcp(HOST, receiver.port, timeout=5)


async def test_a_name_that_does_not_exist_or_does_not_answer_is_a_failure() -> None:
    with pytest.raises(httpcore.ConnectError):
        await CheckedNetwork(allow_loopback=False).connect_tcp("nobody.invalid", 443, timeout=5)

    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        await CheckedNetwork(allow_loopback=False, resolve=silent).connect_tcp(HOST, 443, timeout=0.05)


async def test_of_several_addresses_one_that_answers_is_enough(receiver: Receiver) -> None:
    network = CheckedNetwork(allow_loopback=True, resolve=leading_to("127.0.0.9", "127.0.0.1"))
    await (await network.connect_tcp(HOST, receiver.port, timeout=5)).aclose()


async def test_resolves_as_the_operating_system_does() -> None:
    assert "127.0.0.1" in await resolve("localhost", 80)


async def test_without_the_permission_nothing_is_sent_to_this_machine(receiver: Receiver) -> None:
    async with sender(settings(), resolve=leading_to("127.0.0.1")) as sending:
        plain = await sending.send(delivery(receiver.url()))
        rebound = await sending.send(delivery(f"https://{HOST}:{receiver.port}/"))
    assert plain == Answer(error="Not sent. It must begin with https://.")
    assert rebound == Answer(error="Not sent: the name leads to an address that is not on the internet.")
    assert receiver.messages == []


def test_production_does_not_boot_with_the_permission() -> None:
    with pytest.raises(ValidationError, match="TANDEM_WEBHOOKS_ALLOW_LOOPBACK"):
        settings(environment="production", webhooks_allow_loopback=True)


class TestTls:
    async def test_the_name_is_verified_although_an_address_is_connected_to(self, tmp_path: Path) -> None:
        async with tls_server(tmp_path, HOST) as (port, trusted):
            options = {"resolve": leading_to("127.0.0.1"), "tls": trusted}
            async with sender(settings(webhooks_allow_loopback=True), **options) as sending:
                right = await sending.send(delivery(f"https://{HOST}:{port}/"))
                wrong = await sending.send(delivery(f"https://other.partner.example:{port}/"))
        assert (right.status, right.response) == (200, "hello")
        assert wrong.status is None
        assert "CERTIFICATE_VERIFY_FAILED" in wrong.error

    async def test_a_certificate_that_nobody_vouches_for_is_refused(self, tmp_path: Path) -> None:
        async with (
            tls_server(tmp_path, HOST) as (port, _),
            sender(settings(webhooks_allow_loopback=True), resolve=leading_to("127.0.0.1")) as sending,
        ):
            answer = await sending.send(delivery(f"https://{HOST}:{port}/"))
        assert "CERTIFICATE_VERIFY_FAILED" in answer.error


@asynccontextmanager
async def tls_server(folder: Path, name: str) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A server with a certificate for `name`, and a context of somebody who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(file)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    async with server:
        trusted = ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
        yield server.sockets[0].getsockname()[1], trusted


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("999999999999999", 86400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("\N{SUPERSCRIPT TWO}", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(told: str | None, seconds: float | None) -> None:
    pause = retry_after(told, NOW, at_most=DAY)
    assert (None if pause is None else pause.total_seconds()) == seconds
