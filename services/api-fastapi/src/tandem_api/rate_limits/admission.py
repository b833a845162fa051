"""Holds every request of the API to its client's quota."""

from starlette.requests import Request

from tandem_api.identity.jwks import KeysUnavailableError
from tandem_api.identity.principal import Identity, bearer
from tandem_api.identity.tokens import AccessToken, InvalidAccessTokenError, prove
from tandem_api.problems import types
from tandem_api.problems.errors import ProblemError
from tandem_api.rate_limits.limiter import RateLimiter


async def limit_rate(request: Request) -> None:
    """Count the request, tell in the answer's headers what is left, and refuse it when nothing is."""
    limiter: RateLimiter = request.app.state.rate_limiter
    verdict = await limiter.ask(request.app.state.route_class(request), await _client(request))
    if verdict is None:
        return
    headers = verdict.headers()
    request.state.answer_headers |= headers
    if verdict.refused:
        raise ProblemError(
            types.RATE_LIMITED,
            f"At most {verdict.quota} requests of the class {verdict.route_class} in {verdict.window} seconds.",
            headers={"Retry-After": str(verdict.reset)},
        )


async def _client(request: Request) -> str:
    """Who is counted: whom a good token names, else the address: a bad token gets nobody a quota of their own."""
    identity: Identity = request.app.state.identity
    if token := await bearer(request):
        try:
            caller = await prove(token, identity.keys, issuer=identity.issuer, audience=identity.audience)
        except (InvalidAccessTokenError, KeysUnavailableError):
            pass
        else:
            return (
                f"customer:{caller.customer_id}" if isinstance(caller, AccessToken) else f"partner:{caller.client_id}"
            )
    return f"address:{request.state.network}"
