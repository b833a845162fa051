"""The secrets of a local system, generated when it first starts and kept beside its data."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tandem_local.programs import ROLES

SUPERUSER = "postgres"
# Whose passwords are kept; on this machine Postgres asks its superuser for none, in a cluster it does.
HOLDERS = (*ROLES, SUPERUSER)


@dataclass(frozen=True)
class Credentials:
    django_secret_key: str
    oidc_private_key: str
    """RSA, PEM (PKCS #8)."""
    payment_api_key: str
    staff_password: str
    customer_password: str
    role_passwords: dict[str, str]
    probe_client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))


def kept_credentials(file: Path) -> Credentials:
    """Return the credentials in the file, which is made, readable by its owner only, if it is not there."""
    if not file.exists():
        return _keep(file, _generate())
    written = json.loads(file.read_text())
    kept = Credentials(**written)
    missing = [role for role in HOLDERS if role not in kept.role_passwords]  # roles that are newer than the file
    if asdict(kept) == written and not missing:
        return kept
    return _keep(file, replace(kept, role_passwords=kept.role_passwords | _role_passwords(missing)))


def _keep(file: Path, credentials: Credentials) -> Credentials:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as text:
        json.dump(asdict(credentials), text, indent=2)
    unfinished.rename(file)
    return credentials


def _generate() -> Credentials:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Credentials(
        django_secret_key=secrets.token_urlsafe(48),
        oidc_private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        payment_api_key=secrets.token_urlsafe(24),
        staff_password=secrets.token_urlsafe(9),
        customer_password=secrets.token_urlsafe(9),
        role_passwords=_role_passwords(HOLDERS),
    )


def _role_passwords(roles: Iterable[str]) -> dict[str, str]:
    return {role: secrets.token_urlsafe(24) for role in roles}
