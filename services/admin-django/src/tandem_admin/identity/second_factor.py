"""The second factor: required of staff, offered to everybody."""

import base64
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest

from tandem_admin.settings import SETTINGS


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keeps secrets of authenticators encrypted, so that a copy of the database is no second factor."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """ValueError when it was encrypted under a key that neither SECRET_KEY nor its fallbacks has."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise ValueError("the second factor was kept under a secret key that is no longer known") from error

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not is_required_of(authenticator.user)


def is_required_of(user: Any) -> bool:
    return SETTINGS.staff_second_factor and user.is_staff


def is_missing(request: HttpRequest) -> bool:
    """Whether the person needs a second factor and has none; whoever has one cannot log in without it."""
    if not is_required_of(request.user):
        return False
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user)):
        return False  # most often, and without a query
    return not Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.TOTP).exists()


def _cipher() -> MultiFernet:
    """Encrypts under the first key, decrypts under any, so that the secret key may be exchanged."""
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tandem second factor").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
