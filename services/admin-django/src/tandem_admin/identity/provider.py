"""The OpenID Connect provider: what it says about itself, and what its tokens say."""

from collections.abc import Iterable
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client
from django.contrib.auth.base_user import AbstractBaseUser
from django.urls import reverse

from tandem_admin.identity.clients import subject_of
from tandem_admin.settings import SETTINGS

# The metadata's endpoints, and the views behind them.
ENDPOINTS = {
    "authorization_endpoint": "authorization",
    "end_session_endpoint": "logout",
    "jwks_uri": "jwks",
    "revocation_endpoint": "revoke",
    "token_endpoint": "token",
    "userinfo_endpoint": "userinfo",
}


class ProviderAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth has no types
    scope_display = {
        "openid": "Know who you are in Tandem",
        "profile": "See your name",
        "email": "See your email address",
        "orders:read": "See your orders",
        "orders:write": "Place and cancel orders for you",
        "account:read": "See your name and addresses",
        "account:write": "Change your name and addresses",
        "feed:read": "Follow stock and prices",
        "orders:status": "See what has become of orders",
        "webhooks:manage": "Subscribe to events",
    }

    def get_issuer(self) -> str:
        """One name, however the request came in: the API compares it with its own setting."""
        return SETTINGS.admin_url

    def populate_access_token(
        self,
        access_token: dict[str, Any],
        *,
        client: Client,
        scopes: Iterable[str],
        user: AbstractBaseUser | None,
        **kwargs: Any,
    ) -> None:
        access_token["aud"] = SETTINGS.token_audience
        if user is None:  # client credentials
            access_token["sub"] = subject_of(client)

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        data.pop("device_authorization_endpoint", None)
        data.update({name: f"{SETTINGS.admin_url}{reverse(f'idp:oidc:{view}')}" for name, view in ENDPOINTS.items()})
        data["scopes_supported"] = list(self.scope_display)
        data["response_types_supported"] = ["code"]
        data["grant_types_supported"] = ["authorization_code", "client_credentials", "refresh_token"]
