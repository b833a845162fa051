"""What an access token proves."""

import time
from dataclasses import dataclass
from functools import lru_cache
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


@dataclass(frozen=True, slots=True)
class PartnerToken:
    """A verified token of an application that acts in its own name (client credentials)."""

    client_id: str
    scopes: frozenset[str]
    expires_at: float


async def verify(token: str, keys: SigningKeys, *, issuer: str, audience: str) -> AccessToken:
    """Verify signature, issuer, audience, lifetime and use of a customer's token.

    Raises InvalidAccessTokenError, and KeysUnavailableError when the signature cannot be checked for the moment.
    """
    verified = await prove(token, keys, issuer=issuer, audience=audience)
    if not isinstance(verified, AccessToken):
        raise InvalidAccessTokenError("the token's subject is no customer")
    return verified


async def verify_partner(token: str, keys: SigningKeys, *, issuer: str, audience: str) -> PartnerToken:
    """As `verify`, of a partner's token."""
    verified = await prove(token, keys, issuer=issuer, audience=audience)
    if not isinstance(verified, PartnerToken):
        raise InvalidAccessTokenError("the token's subject is no partner")
    return verified


async def prove(token: str, keys: SigningKeys, *, issuer: str, audience: str) -> AccessToken | PartnerToken:
    """As `verify`, of whosever token it is."""
    try:
        key = await keys.key(_key_id(token.partition(".")[0]))
        if key is None:
            raise InvalidAccessTokenError("the token is signed with an unknown key")
        verified = _verified(token, key, issuer, audience)
    except jwt.InvalidTokenError as error:
        raise InvalidAccessTokenError(str(error).lower()) from error
    if verified.expires_at <= time.time():
        raise InvalidAccessTokenError("signature has expired")
    return verified


@lru_cache(maxsize=32)  # a header for each key; whoever sends others makes us decode them again
def _key_id(header: str) -> str:
    contents = jwt.get_unverified_header(f"{header}..")
    # Fixed here and not read from the token: otherwise the token would choose how it is checked.
    if contents.get("alg") != ALGORITHM:
        raise InvalidAccessTokenError(f"the token must be signed with {ALGORITHM}")
    return str(contents.get("kid", ""))


# A client sends its token with every request, and what was proven by this very key stays proven until it expires. A key
# that is fetched anew is another one; what is refused is not remembered, so nobody fills the memory with garbage.
@lru_cache(maxsize=4096)
def _verified(token: str, key: jwt.PyJWK, issuer: str, audience: str) -> AccessToken | PartnerToken:
    claims = jwt.decode(
        token,
        key.key,
        algorithms=[ALGORITHM],
        issuer=issuer,
        audience=audience,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iss", "aud", "sub"]},
    )
    return _access_token(claims)


def _access_token(claims: dict[str, Any]) -> AccessToken | PartnerToken:
    # The same key signs ID tokens, which say who someone is and not what they may do.
    if claims.get("token_use") != "access":
        raise InvalidAccessTokenError("not an access token")
    client_id = str(claims.get("client_id", ""))
    scopes = frozenset(str(claims.get("scope", "")).split())
    expires_at = float(claims["exp"]) + LEEWAY_SECONDS
    if client_id and claims["sub"] == client_id:  # nobody logged in: the application speaks for itself
        return PartnerToken(client_id, scopes, expires_at)
    try:
        customer_id = UUID(claims["sub"])
    except (ValueError, TypeError, AttributeError):
        raise InvalidAccessTokenError("the token's subject is no customer") from None
    return AccessToken(customer_id, client_id, scopes, expires_at)
