"""A broker that asks for TLS and a login, as operators' brokers do: every client of ours gets in, and no other."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from aiokafka.errors import KafkaError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from kafka import KafkaAdminClient
from kafka.admin import UserScramCredentialUpsertion
from prometheus_client import REGISTRY
from tandem_api.feed.source import open_source
from tandem_contracts.topics import ORDERS
from tandem_local.kafka import Listener, running_kafka
from tandem_local.ports import free_port
from tandem_local.programs import program
from tandem_runtime.kafka import KafkaSettings
from tandem_worker.relay.broker import running_producer
from tandem_worker.relay.certificates import look_at_certificates

USER, PASSWORD = "tandem", "correct horse battery staple"


class Authority:
    """Signs certificates, as an operator's own authority does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("authority")
        self.certificate = self._signed(self._name, self._key.public_key(), authority=True)

    def server(self) -> tuple[str, str]:
        """A key and its certificate, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_named("broker"), key.public_key(), authority=False)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return secret.decode(), certificate.public_bytes(Encoding.PEM).decode()

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> x509.Certificate:
        now, here = datetime.now(UTC), x509.IPAddress(ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([here]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a process that may come in."""
    home, authority, port = tmp_path_factory.mktemp("kafka"), Authority(), free_port()
    key, certificate = (pem.strip().replace("\n", "\\n") for pem in authority.server())
    listener = Listener(
        port,
        port,
        "SASL_SSL",
        {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": key,
            "ssl.keystore.certificate.chain": certificate,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        },
    )
    ca = home / "ca.crt"
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    with running_kafka(home, listeners=[listener]) as server:
        admin = KafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, "SCRAM-SHA-512", password=PASSWORD)])
        admin.close()
        yield {
            "TANDEM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "TANDEM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "TANDEM_KAFKA_CA_FILE": str(ca),
            "TANDEM_KAFKA_USERNAME": USER,
            "TANDEM_KAFKA_PASSWORD": PASSWORD,
        }


def settings(variables: dict[str, str], **changes: object) -> KafkaSettings:
    values = {name.removeprefix("TANDEM_").lower(): value for name, value in variables.items()}
    return KafkaSettings.model_validate({"environment": "test", **values, **changes})


def provision(access: dict[str, str], **changes: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TANDEM_ENVIRONMENT": "test"} | access | changes
    command = [program("tandem-manage"), "provision_topics"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


async def test_the_admin_the_relay_and_the_api_come_in(access: dict[str, str]) -> None:
    made = await asyncio.to_thread(provision, access)
    assert made.returncode == 0, made.stderr
    here = settings(access)

    async with open_source(here.kafka_connection(), [ORDERS]) as source, running_producer(here) as producer:
        await producer.send_and_wait(ORDERS.name, b"an event")
        async with asyncio.timeout(30):
            while not (records := await source.read()):
                pass

    assert [record.value for record in records] == [b"an event"]


async def test_the_relay_sees_when_certificates_end(access: dict[str, str]) -> None:
    await look_at_certificates(settings(access))

    for of in ("kafka_authority", "kafka_broker"):
        ends = REGISTRY.get_sample_value("tandem_certificate_not_after_seconds", {"of": of})
        assert ends is not None
        assert timedelta() < datetime.fromtimestamp(ends, UTC) - datetime.now(UTC) <= timedelta(days=1)


async def test_who_does_not_trust_the_authority_stays_outside(access: dict[str, str]) -> None:
    with pytest.raises(KafkaError):
        async with running_producer(settings(access, kafka_ca_file=None)):
            pass


def test_a_wrong_password_is_told_and_not_shown(access: dict[str, str]) -> None:
    refused = provision(access, TANDEM_KAFKA_PASSWORD="wrong horse")
    assert refused.returncode == 1
    assert "wrong horse" not in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kafka_username": ""}, "TANDEM_KAFKA_USERNAME and TANDEM_KAFKA_PASSWORD are needed for SASL_SSL"),
        ({"kafka_password": ""}, "TANDEM_KAFKA_USERNAME and TANDEM_KAFKA_PASSWORD are needed for SASL_SSL"),
        ({"kafka_ca_file": "/nowhere/ca.crt"}, "TANDEM_KAFKA_CA_FILE must be a file"),
        ({"kafka_security_protocol": "TLS"}, "Input should be"),
    ],
)
def test_half_a_login_is_refused(changes: dict[str, str], said: str) -> None:
    whole = {"kafka_username": "relay", "kafka_password": "x", "kafka_security_protocol": "SASL_SSL"}
    with pytest.raises(ValueError, match=said):
        settings({"TANDEM_KAFKA_BOOTSTRAP_SERVERS": "kafka:9093"}, **(whole | changes))


def test_without_more_it_is_as_on_a_laptop() -> None:
    plain = settings({"TANDEM_KAFKA_BOOTSTRAP_SERVERS": "kafka-0:9092,kafka-1:9092"})
    assert plain.kafka_connection() == {
        "bootstrap_servers": ["kafka-0:9092", "kafka-1:9092"],
        "security_protocol": "PLAINTEXT",
    }
