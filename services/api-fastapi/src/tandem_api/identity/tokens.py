"""What an access token proves."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from tandem_api.identity.jwks import SigningKeys

ALGORITHM = "RS256"
# The clocks of provider and API may differ by so many seconds.
LEEWAY_SECONDS = 5


class InvalidAccessTokenError(Exception):
    """The token proves nothing; the message says why, for the caller."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A verified token; `expires_at` is in seconds since the epoch."""

    customer_id: UUID
    client_id: str
    scopes: frozenset[str]
    expires_at: float


async def verify(token: str, keys: SigningKeys, *, issuer: str, audience: str) -> AccessToken:
    """Verify signature, issuer, audience, lifetime and use.

    Raises InvalidAccessTokenError, and KeysUnavailableError when the signature cannot be checked for the moment.
    """
    try:
        header = jwt.get_unverified_header(token)
        # Fixed here and not read from the token: otherwise the token would choose how it is checked.
        if header.get("alg") != ALGORITHM:
            raise InvalidAccessTokenError(f"the token must be signed with {ALGORITHM}")
        key = await keys.key(str(header.get("kid", "")))
        if key is None:
            raise InvalidAccessTokenError("the token is signed with an unknown key")
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise InvalidAccessTokenError(str(error).lower()) from error
    return _access_token(claims)


def _access_token(claims: dict[str, Any]) -> AccessToken:
    # The same key signs ID tokens, which say who someone is and not what they may do.
    if claims.get("token_use") != "access":
        raise InvalidAccessTokenError("not an access token")
    try:
        customer_id = UUID(claims["sub"])
    except (ValueError, TypeError, AttributeError):
        raise InvalidAccessTokenError("the token's subject is no customer") from None
    return AccessToken(
        customer_id=customer_id,
        client_id=str(claims.get("client_id", "")),
        scopes=frozenset(str(claims.get("scope", "")).split()),
        expires_at=float(claims["exp"]) + LEEWAY_SECONDS,
    )
