"""The running system as the checks use it: its database, its commands, its customers."""

import os
import subprocess
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from kafka import KafkaProducer
from tandem_local.logins import CUSTOMER
from tandem_local.programs import program
from tandem_local.scenario.customer import ADDRESS, log_in
from tandem_local.scenario.partner import partner_token, register_partner
from tandem_local.services import DATABASE
from tandem_local.system import System


@dataclass(frozen=True)
class Store:
    system: System

    def superuser(self) -> psycopg.Connection[Any]:
        """A session that may do everything, each statement a transaction."""
        server = urlsplit(self.system.wiring.postgres)
        return psycopg.connect(urlunsplit(server._replace(path=f"/{DATABASE}")), autocommit=True)

    def execute(self, statement: str, *values: object) -> list[Any]:
        with self.superuser() as session:
            cursor = session.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def command(self, line: list[str], role: str = "tandem_worker") -> None:
        """Run one of our commands with a process's settings; CalledProcessError with what it said when it fails."""
        settings = self.system.wiring.admin_settings(role) | self.system.wiring.provider_settings()
        argv = [program(line[0]), *line[1:]]
        subprocess.run(argv, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=True)

    def customer(self) -> httpx.Client:
        """A customer who has just logged in: a token lives for five minutes."""
        token = log_in(self.system.admin_url, CUSTOMER, self.system.credentials.customer_password)
        return self._client(token)

    def partner(self, scopes: tuple[str, ...]) -> httpx.Client:
        return self._client(partner_token(self.system, *register_partner(self.system, "Observed", scopes)))

    def visitor(self) -> httpx.Client:
        return httpx.Client(base_url=self.system.api_url, timeout=30)

    def _client(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=self.system.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def write_foreign_record(self, topic: str) -> None:
        """What somebody who is not the relay might send."""
        producer = KafkaProducer(bootstrap_servers=self.system.wiring.kafka)
        try:
            producer.send(topic, value=b"no event of ours").get(timeout=30)
        finally:
            producer.close()


def place_order(customer: httpx.Client, sku: str, quantity: int = 1) -> str:
    """The order's id."""
    body = {"lines": [{"sku": sku, "quantity": quantity}], "shipping_address": ADDRESS, "payment_token": "tok_visa"}
    answer = customer.post("/v1/orders", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    return str(answer.raise_for_status().json()["id"])
