"""What we change in allauth and oauthlib, where they have no setting for it."""

from functools import cache

from allauth.core.internal import jwkkit
from allauth.idp.oidc.models import Client
from oauthlib.oauth2.rfc6749.grant_types import AuthorizationCodeGrant

from tandem_admin.identity.clients import has_secret


def refuse_plain_challenges() -> None:
    """Allow S256 alone: with "plain" the challenge is the verifier, for whoever reads it (RFC 9700, 2.1.1)."""
    methods = AuthorizationCodeGrant._code_challenge_methods  # noqa: SLF001
    AuthorizationCodeGrant._code_challenge_methods = {"S256": methods["S256"]}  # noqa: SLF001


def accept_former_secrets() -> None:
    """Let a client's secret be exchanged without a moment in which its owner is locked out; allauth knows only one."""
    Client.check_secret = has_secret


def keep_keys_loaded() -> None:
    """Parse and check each signing key once; allauth would for every token, at 50 ms each."""
    jwkkit.load_pem = cache(jwkkit.load_pem)
