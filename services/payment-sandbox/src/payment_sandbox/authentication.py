"""Merchants show their API key as a bearer token."""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from payment_sandbox.problems import ProblemError
from payment_sandbox.settings import Settings

_bearer = HTTPBearer(auto_error=False, description="The merchant's API key.")


async def require_api_key(
    request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    settings: Settings = request.app.state.settings
    expected = settings.payment_api_key.get_secret_value()
    if shown is None or not hmac.compare_digest(shown.credentials.encode(), expected.encode()):
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "Send the API key as a bearer token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
