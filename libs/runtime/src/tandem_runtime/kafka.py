"""How every process reaches Kafka: its addresses, TLS, and its login there."""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from tandem_runtime.settings import RuntimeSettings

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]


class KafkaSettings(RuntimeSettings):
    """What a process that speaks to Kafka reads from its environment.

    Brokers whose certificate is of an authority of their own, as Strimzi's are, need `kafka_ca_file`.
    """

    kafka_bootstrap_servers: str
    kafka_security_protocol: Protocol = "PLAINTEXT"
    kafka_ca_file: Path | None = None
    kafka_sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_username: str = ""
    kafka_password: SecretStr = Field(default=SecretStr(""))

    @model_validator(mode="after")
    def refuse_half_a_login(self) -> "KafkaSettings":
        if self.kafka_security_protocol.startswith("SASL_") and not (
            self.kafka_username and self.kafka_password.get_secret_value()
        ):
            raise ValueError(
                f"TANDEM_KAFKA_USERNAME and TANDEM_KAFKA_PASSWORD are needed for {self.kafka_security_protocol}"
            )
        if self.kafka_ca_file is not None and not self.kafka_ca_file.is_file():
            raise ValueError("TANDEM_KAFKA_CA_FILE must be a file")
        return self

    def kafka_connection(self) -> dict[str, Any]:
        """What a client of aiokafka or of kafka-python is made with, besides what it is for.

        Reads the file of the authority: OSError or ssl.SSLError when that cannot be used.
        """
        connection: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap_servers.split(","),
            "security_protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.endswith("SSL"):
            connection["ssl_context"] = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_security_protocol.startswith("SASL_"):
            connection |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self.kafka_password.get_secret_value(),
            }
        return connection
