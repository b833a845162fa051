"""The applications that may ask for tokens."""

from collections.abc import Sequence

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client

SCOPES = ["openid", "profile", "email", "orders:read", "orders:write"]
PARTNER_SCOPES = ["feed:read", "orders:status", "webhooks:manage"]


def save_public_client(client_id: str, *, name: str, redirect_uris: list[str], cors_origins: list[str]) -> Client:
    """Create or update one of our own applications that can keep no secret, so it must prove itself by PKCE.

    The redirect URIs are compared exactly, save for the port of a loopback address (RFC 8252, section 7.3).
    """
    client = Client.objects.filter(pk=client_id).first() or Client(pk=client_id)
    client.name = name
    client.type = Client.Type.PUBLIC
    client.skip_consent = True
    client.set_scopes(SCOPES)
    client.set_default_scopes(["openid"])
    client.set_grant_types([Client.GrantType.AUTHORIZATION_CODE, Client.GrantType.REFRESH_TOKEN])
    client.set_response_types(["code"])
    client.set_redirect_uris(redirect_uris)
    client.set_cors_origins(cors_origins)
    client.full_clean(exclude=["data"])
    client.save()
    return client


def register_partner(name: str, scopes: Sequence[str]) -> tuple[Client, str]:
    """Make a client for a partner's server, which asks for tokens in its own name; returns it with its secret.

    Only a hash of the secret is kept: this is the one time that it can be told. ValueError for a scope that is none of
    `PARTNER_SCOPES`.
    """
    if unknown := set(scopes) - set(PARTNER_SCOPES):
        raise ValueError(f"no scope of partners: {', '.join(sorted(unknown))}")
    client = Client(name=name, type=Client.Type.CONFIDENTIAL)
    client.set_scopes(list(scopes))
    client.set_default_scopes(list(scopes))
    client.set_grant_types([Client.GrantType.CLIENT_CREDENTIALS])
    client.set_response_types([])
    secret: str = get_adapter().generate_client_secret()
    client.set_secret(secret)
    client.save()
    return client, secret
