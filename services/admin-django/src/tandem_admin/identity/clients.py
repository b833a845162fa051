"""The applications that may ask for tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.models import Client
from django.contrib.auth.hashers import check_password
from django.utils import timezone

from tandem_admin.users.models import User

SCOPES = ["openid", "profile", "email", "orders:read", "orders:write", "account:read", "account:write"]
FORMER_SECRET_HOURS = 24
FORMER = "former_secret"
PARTNER_SCOPES = ["feed:read", "orders:status", "webhooks:manage"]
# Addresses that nobody can have (RFC 2606).
NOBODYS = ".invalid"


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


def save_client_of(owner: User, client_id: str, *, name: str, scopes: Sequence[str], secret: str) -> Client:
    """Create or update a client that acts for `owner`, a customer that no person is: our own machines' accounts.

    ValueError for an owner who may be a person: an application gets into their account with their consent alone.
    """
    if not owner.email.endswith(NOBODYS):
        raise ValueError(f"the address must end in {NOBODYS}")
    client = Client.objects.filter(pk=client_id).first() or Client(pk=client_id)
    client.name = name
    client.owner = owner
    client.type = Client.Type.CONFIDENTIAL
    client.set_scopes(list(scopes))
    client.set_default_scopes(list(scopes))
    client.set_grant_types([Client.GrantType.CLIENT_CREDENTIALS])
    client.set_response_types([])
    if not has_secret(client, secret):
        client.set_secret(secret)
    client.save()
    return client


def subject_of(client: Client) -> str:
    """Who a client is that nobody logged in to: the customer it acts for, or itself (RFC 9068, section 2.2)."""
    acts = client.owner is not None and client.owner.email.endswith(NOBODYS)
    return str(client.owner_id) if acts else str(client.pk)


def rotate_secret(client: Client) -> str:
    """Give the client a new secret and return it; the one it has stays good for some hours beside it."""
    until = timezone.now() + timedelta(hours=FORMER_SECRET_HOURS)
    client.data = (client.data or {}) | {FORMER: {"hash": client.secret, "until": until.isoformat()}}
    secret: str = get_adapter().generate_client_secret()
    client.set_secret(secret)
    client.save()
    return secret


def revoke_former_secret(client: Client) -> str:
    client.data = {name: value for name, value in (client.data or {}).items() if name != FORMER}
    client.save()
    return "The former secret is good for nothing any more."


def former_secret(client: Client) -> str | None:
    """The hash of the secret before, while that is good."""
    former = (client.data or {}).get(FORMER)
    if former is None or datetime.fromisoformat(former["until"]) <= timezone.now():
        return None
    return str(former["hash"])


def has_secret(client: Client, secret: str) -> bool:
    """Whether this is the client's secret, or the one before while that is good."""
    former = former_secret(client)
    return check_password(secret, client.secret) or (former is not None and check_password(secret, former))
