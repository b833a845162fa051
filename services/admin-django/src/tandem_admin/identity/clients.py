"""The applications that may ask for tokens."""

from allauth.idp.oidc.models import Client

SCOPES = ["openid", "profile", "email", "orders:read", "orders:write"]


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
