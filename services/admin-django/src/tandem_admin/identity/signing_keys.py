"""The keys that sign tokens, as a setting has them; one takes over from another at a time that is set beforehand.

All that have not expired are published, also those whose time is still to come: whoever verifies tokens knows a key
before it signs the first of them, and the old one until the last that it signed has expired.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, field_serializer, field_validator, model_validator

MINIMUM_BITS = 2048
NEW_BITS = 3072


class SigningKey(BaseModel):
    """An RSA key in PEM form, which signs from `not_before` until a younger one does; known until `expires_at`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    pem: SecretStr
    not_before: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None

    @field_validator("pem")
    @classmethod
    def must_be_an_rsa_key(cls, pem: SecretStr) -> SecretStr:
        try:
            key = load_pem_private_key(pem.get_secret_value().encode(), password=None)
        except (ValueError, TypeError):
            raise ValueError("must be an unencrypted private key in PEM form") from None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < MINIMUM_BITS:
            raise ValueError(f"must be an RSA key of at least {MINIMUM_BITS} bits")
        return pem

    @model_validator(mode="after")
    def must_end_after_it_begins(self) -> Self:
        if self.not_before and self.expires_at and self.expires_at <= self.not_before:
            raise ValueError("expires_at must be later than not_before")
        return self

    @field_serializer("pem", when_used="json")
    def show(self, pem: SecretStr) -> str:
        return pem.get_secret_value()


def new_key(not_before: datetime | None = None) -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=NEW_BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return SigningKey(pem=SecretStr(pem), not_before=not_before)


def rotated(
    keys: Sequence[SigningKey], *, now: datetime, announced: timedelta, kept: timedelta
) -> tuple[SigningKey, ...]:
    """`keys` and a new one that signs after `announced`; the others expire `kept` after that, the expired are gone."""
    takes_over = now + announced
    old = [key for key in keys if key.expires_at is None or key.expires_at > now]
    return (
        *(key if key.expires_at else key.model_copy(update={"expires_at": takes_over + kept}) for key in old),
        new_key(takes_over),
    )
