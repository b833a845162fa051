"""Who is calling: the dependency of every endpoint that is not public."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import OAuth2AuthorizationCodeBearer, SecurityScopes

from tandem_api.identity.jwks import KeysUnavailableError, SigningKeys
from tandem_api.identity.refusals import RefusedCustomers
from tandem_api.identity.scopes import ACCOUNT_READ, ACCOUNT_WRITE, ORDERS_READ, ORDERS_WRITE, SCOPES
from tandem_api.identity.tokens import AccessToken, InvalidAccessTokenError, verify
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError, unavailable

SCHEME_NAME = "customer"

# The addresses depend on settings: `openapi` fills them in.
bearer = OAuth2AuthorizationCodeBearer(
    authorizationUrl="/", tokenUrl="/", scopes=SCOPES, scheme_name=SCHEME_NAME, auto_error=False
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is needed to tell who is calling."""

    keys: SigningKeys
    refused: RefusedCustomers
    issuer: str
    audience: str


TokenT_co = TypeVar("TokenT_co", covariant=True)


class Verify(Protocol[TokenT_co]):
    """How a token is verified, as `tokens.verify` does it."""

    async def __call__(self, token: str, keys: SigningKeys, *, issuer: str, audience: str) -> TokenT_co: ...


async def proven(request: Request, token: str | None, verify: Verify[TokenT_co]) -> TokenT_co:
    """What the request's token proves; a problem when it is missing or proves nothing."""
    identity: Identity = request.app.state.identity
    if not token:
        raise ProblemError(
            types.UNAUTHENTICATED, "The request has no bearer token.", headers=_challenge('realm="tandem"')
        )
    try:
        return await verify(token, identity.keys, issuer=identity.issuer, audience=identity.audience)
    except InvalidAccessTokenError as error:
        raise ProblemError(
            types.UNAUTHENTICATED,
            f"The access token was refused: {error}.",
            headers=_challenge('realm="tandem", error="invalid_token"'),
        ) from error
    except KeysUnavailableError as error:
        raise unavailable("The identity provider does not answer.") from error


def require_scopes(wanted: SecurityScopes, scopes: Collection[str]) -> None:
    if missing := [scope for scope in wanted.scopes if scope not in scopes]:
        raise ProblemError(
            types.INSUFFICIENT_SCOPE,
            f"The scope {missing[0]} is needed.",
            headers=_challenge(f'realm="tandem", error="insufficient_scope", scope="{wanted.scope_str}"'),
        )


async def _authenticate(
    request: Request, wanted: SecurityScopes, token: Annotated[str | None, Depends(bearer)]
) -> AccessToken:
    identity: Identity = request.app.state.identity
    principal = await proven(request, token, verify)
    # For `transport.arrival`.
    request.state.customer_id, request.state.client_id = str(principal.customer_id), principal.client_id
    structlog.contextvars.bind_contextvars(customer_id=str(principal.customer_id), client_id=principal.client_id)
    if not identity.refused.loaded:  # fail closed
        raise unavailable("The service is starting.")
    if principal.customer_id in identity.refused:
        raise ProblemError(types.CUSTOMER_DEACTIVATED)
    require_scopes(wanted, principal.scopes)
    return principal


def _challenge(parameters: str) -> dict[str, str]:
    return {"WWW-Authenticate": f"Bearer {parameters}"}


Customer = Annotated[AccessToken, Security(_authenticate)]
Reader = Annotated[AccessToken, Security(_authenticate, scopes=[ORDERS_READ])]
Buyer = Annotated[AccessToken, Security(_authenticate, scopes=[ORDERS_WRITE])]
AccountReader = Annotated[AccessToken, Security(_authenticate, scopes=[ACCOUNT_READ])]
AccountOwner = Annotated[AccessToken, Security(_authenticate, scopes=[ACCOUNT_WRITE])]
