"""Tandem's services as processes: each its own command, database role and ports."""

import http.client
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem_local.credentials import Credentials
from tandem_local.ports import free_port
from tandem_local.processes import Command
from tandem_local.programs import database_url, program

DATABASE = "tandem"
SERVICES = ("admin", "api", "relay", "orders", "notifications", "webhooks", "payment")
# Runs where somebody looks at what it measures.
PROBE = "probe"
PUBLIC = ("admin", "api", "payment")
# For tests and load, in which a handful of customers act as a town does.
NO_RATE_LIMITS = {f"TANDEM_RATE_LIMIT_{name}": "" for name in ("CATALOGUE", "READS", "WRITES", "STREAMS")}


@dataclass(frozen=True)
class Ports:
    """Of each service: the port of its operations server, and if it serves others, of its interface."""

    public: Mapping[str, int]
    operations: Mapping[str, int]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.public[service]}"


def kept_ports(file: Path) -> Ports:
    """Choose free ports, those of the last run where they still are free: bookmarks and tokens stay good."""
    last = json.loads(file.read_text()) if file.exists() else {}

    def choose(kind: str, names: tuple[str, ...]) -> dict[str, int]:
        return {name: free_port(last.get(kind, {}).get(name)) for name in names}

    ports = {"public": choose("public", PUBLIC), "operations": choose("operations", (*SERVICES, PROBE))}
    file.write_text(json.dumps(ports, indent=2))
    return Ports(**ports)


@dataclass(frozen=True)
class Wiring:
    """How the processes find each other: everything that their settings are made of."""

    home: Path
    ports: Ports
    credentials: Credentials
    traces: str
    """Where they send their spans; empty for none."""
    postgres: str = ""
    """The superuser's URL; each service gets its own role's."""
    kafka: str = ""

    @property
    def mails(self) -> Path:
        """Where mails are kept, a file each: the admin's and the worker's."""
        return self.home / "mails"

    def settings(self, role: str | None = None) -> dict[str, str]:
        """What all processes share, and the database URL of the role."""
        shared = {
            "TANDEM_ENVIRONMENT": "development",
            "TANDEM_ADMIN_URL": self.ports.url("admin"),
            "TANDEM_API_URL": self.ports.url("api"),
        }
        # Whoever tries the system wants to see everything that it did.
        shared |= {"TANDEM_CATALOGUE_SAMPLE": "1", "TANDEM_TRACE_STATEMENT_SECONDS": "0"}
        if self.traces:
            shared |= {"OTEL_EXPORTER_OTLP_ENDPOINT": self.traces, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        if self.kafka:
            shared["TANDEM_KAFKA_BOOTSTRAP_SERVERS"] = self.kafka
        if role:
            password = self.credentials.role_passwords[role]
            shared["TANDEM_DATABASE_URL"] = database_url(self.postgres, role, password, DATABASE)
        return shared

    def admin_settings(self, role: str | None = "tandem_admin") -> dict[str, str]:
        """Those of the admin and, with another role or none, of its management commands."""
        return self.settings(role) | {
            "TANDEM_SECRET_KEY": self.credentials.django_secret_key,
            "TANDEM_OIDC_PRIVATE_KEYS": json.dumps([{"pem": self.credentials.oidc_private_key}]),
            **self.mail_settings(),
            "TANDEM_MEDIA_ROOT": str(self.home / "media"),
            # A password is enough on one's own machine; production insists on a second factor.
            "TANDEM_STAFF_SECOND_FACTOR": "false",
            **self.webhook_settings(),
            "TANDEM_GRACEFUL_SECONDS": "3",  # browsers keep connections open; nobody waits for them at a Ctrl-C
        }

    def superuser_settings(self) -> dict[str, str]:
        """What creates the roles."""
        passwords = json.dumps(self.credentials.role_passwords)
        return {"TANDEM_SUPERUSER_URL": self.postgres, "TANDEM_ROLE_PASSWORDS": passwords}

    def demo_settings(self) -> dict[str, str]:
        """What the logins of the demo are made of."""
        return {
            "TANDEM_DEMO_STAFF_PASSWORD": self.credentials.staff_password,
            "TANDEM_DEMO_CUSTOMER_PASSWORD": self.credentials.customer_password,
        }

    def provider_settings(self) -> dict[str, str]:
        """What speaks to the payment provider."""
        return {
            "TANDEM_PAYMENT_API_KEY": self.credentials.payment_api_key,
            "TANDEM_PAYMENT_URL": self.ports.url("payment"),
        }

    def mail_settings(self) -> dict[str, str]:
        """What sends mails: none leaves this machine."""
        return {"TANDEM_MAIL_URL": f"file://{self.mails}"}

    def webhook_settings(self) -> dict[str, str]:
        """What accepts addresses of webhooks, or sends there: a partner's server may run on this machine too."""
        return {"TANDEM_WEBHOOKS_ALLOW_LOOPBACK": "true"}

    def probe_settings(self) -> dict[str, str]:
        """What registers the probe, and what it logs in and pays with."""
        return {
            "TANDEM_PROBE_CLIENT_SECRET": self.credentials.probe_client_secret,
            "TANDEM_PROBE_PAYMENT_TOKEN": "tok_visa",
        }

    def commands(self) -> dict[str, Command]:
        """The commands of services and probe by name."""
        provider = self.provider_settings()
        sandbox = {
            "TANDEM_PAYMENT_API_KEY": self.credentials.payment_api_key,
            "TANDEM_PAYMENT_DATABASE": str(self.home / "payment.sqlite"),
        }
        gunicorn = ["gunicorn", "-c", "python:tandem_admin.gunicorn", "tandem_admin.wsgi"]
        return {
            "admin": self._command("admin", gunicorn, self.admin_settings()),
            "api": self._command("api", ["tandem-api"], self.settings("tandem_api") | self.webhook_settings()),
            "relay": self._command("relay", ["tandem-worker", "relay"], self.settings("tandem_relay")),
            "orders": self._command("orders", ["tandem-worker", "orders"], self.settings("tandem_worker") | provider),
            "notifications": self._command(
                "notifications",
                ["tandem-worker", "notifications"],
                self.settings("tandem_notifications") | self.mail_settings(),
            ),
            "webhooks": self._command(
                "webhooks", ["tandem-worker", "webhooks"], self.settings("tandem_webhooks") | self.webhook_settings()
            ),
            "payment": self._command("payment", ["payment-sandbox"], self.settings() | sandbox),
            PROBE: self._command(PROBE, ["tandem-worker", "probe"], self.settings() | self.probe_settings()),
        }

    def _command(self, name: str, argv: list[str], settings: dict[str, str]) -> Command:
        own = {"TANDEM_OPERATIONS_PORT": str(self.ports.operations[name])}
        if name in PUBLIC:
            own["TANDEM_PORT"] = str(self.ports.public[name])
        return Command(
            name=name,
            argv=[program(argv[0]), *argv[1:]],
            env=os.environ | settings | own,
            log=self.home / "logs" / f"{name}.log",
            grace=5,
        )


def is_ready(port: int, path: str = "/readyz") -> bool:
    """Whether the server on this operations port says it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
