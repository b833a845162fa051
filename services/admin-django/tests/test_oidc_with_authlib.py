"""The provider as somebody else's library sees it: Authlib, against the admin as it runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from pytest_django import DjangoDbBlocker
from tandem_admin.identity.clients import register_partner
from tandem_local.databases import Database

from .test_process import CALLBACK, Admin, running_admin

SCOPE = "openid profile email orders:read orders:write"
VERIFIER = "a-verifier-that-is-long-enough-for-the-standard-0123456789"


@pytest.fixture(scope="module")
def admin(admin_database: Database, private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    folder = tmp_path_factory.mktemp("provider")
    with running_admin(admin_database.url("tandem_admin"), private_key, folder, load_demo=True) as running:
        running.running.wait_until(lambda: running.readiness() == 200)
        yield running


@pytest.fixture(scope="module")
def partner(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> tuple[str, str]:
    """Id and secret of a partner's client, which the running admin sees."""
    with django_db_blocker.unblock():
        client, secret = register_partner("Shop window", ["feed:read", "orders:status"])
    return client.pk, secret


@dataclass
class Mobile:
    """The mobile app: a public client, and its user's browser."""

    admin: Admin
    oauth: OAuth2Client
    browser: httpx.Client
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.metadata = httpx.get(f"{self.admin.url}/.well-known/openid-configuration").json()

    def authorize(self, **asked: str) -> str:
        """Send the browser, which is logged in, to the provider; where it is sent back to."""
        asked = {"code_verifier": VERIFIER, "nonce": "n-1"} | asked
        url, _ = self.oauth.create_authorization_url(self.metadata["authorization_endpoint"], state="s-1", **asked)
        return self.browser.get(url).headers["Location"]

    def fetch(self, location: str, verifier: str = VERIFIER) -> dict[str, Any]:
        token: dict[str, Any] = self.oauth.fetch_token(
            self.metadata["token_endpoint"], authorization_response=location, state="s-1", code_verifier=verifier
        )
        return token

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        token: dict[str, Any] = self.oauth.refresh_token(self.metadata["token_endpoint"], refresh_token=refresh_token)
        return token

    def identity(self, token: dict[str, Any]) -> CodeIDToken:
        """The ID token's claims, verified as OpenID Connect asks."""
        keys = KeySet.import_key_set(httpx.get(self.metadata["jwks_uri"]).json())
        decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": self.metadata["issuer"]},
                "aud": {"essential": True, "value": "tandem-mobile"},
            },
            params={"nonce": "n-1", "client_id": "tandem-mobile", "access_token": token["access_token"]},
        )
        claims.validate()
        return claims


@pytest.fixture
def mobile(admin: Admin) -> Iterator[Mobile]:
    with (
        httpx.Client(base_url=admin.url) as browser,
        OAuth2Client(
            "tandem-mobile",
            scope=SCOPE,
            redirect_uri=CALLBACK,
            token_endpoint_auth_method="none",
            code_challenge_method="S256",
        ) as oauth,
    ):
        page = browser.get("/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        data = {"login": "ada@tandem.example", "password": "ada password 1", "csrfmiddlewaretoken": token[1]}
        assert browser.post("/accounts/login/", data=data).status_code == 302
        yield Mobile(admin, oauth, browser)


class TestAPersonsTokens:
    def test_come_with_a_verifiable_identity(self, mobile: Mobile) -> None:
        token = mobile.fetch(mobile.authorize())

        claims = mobile.identity(token)
        who = mobile.oauth.get(mobile.metadata["userinfo_endpoint"]).json()
        assert claims["sub"] == who["sub"]
        assert who["email"] == "ada@tandem.example"
        assert set(token["scope"].split()) == set(SCOPE.split())

    def test_are_renewed_and_the_old_refresh_token_is_spent(self, mobile: Mobile) -> None:
        first = mobile.fetch(mobile.authorize())

        second = mobile.refresh(first["refresh_token"])

        assert second["refresh_token"] != first["refresh_token"]
        with pytest.raises(OAuthError, match="invalid_grant"):
            mobile.refresh(first["refresh_token"])

    def test_cannot_be_renewed_once_revoked(self, mobile: Mobile) -> None:
        token = mobile.fetch(mobile.authorize())

        answer = mobile.oauth.revoke_token(
            mobile.metadata["revocation_endpoint"], token["refresh_token"], token_type_hint="refresh_token"
        )

        assert answer.status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            mobile.refresh(token["refresh_token"])

    def test_end_with_the_session_when_the_application_logs_out(self, mobile: Mobile) -> None:
        token = mobile.fetch(mobile.authorize())

        page = mobile.browser.get(mobile.metadata["end_session_endpoint"], params={"id_token_hint": token["id_token"]})
        if page.status_code == 200:  # it asks the person
            form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert form
            hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            mobile.browser.post(str(page.url), data=hidden | {"csrfmiddlewaretoken": form[1], "action": "logout"})

        assert mobile.authorize().startswith("/accounts/login/")


class TestAPersonsTokensAreRefused:
    def test_to_who_has_another_verifier(self, mobile: Mobile) -> None:
        with pytest.raises(OAuthError, match="invalid_grant"):
            mobile.fetch(mobile.authorize(), verifier="x" * 64)

    def test_for_a_code_that_was_used(self, mobile: Mobile) -> None:
        location = mobile.authorize()
        mobile.fetch(location)

        with pytest.raises(OAuthError, match="invalid_grant"):
            mobile.fetch(location)

    def test_at_another_redirect(self, mobile: Mobile) -> None:
        mobile.oauth.redirect_uri = "https://evil.example/callback"
        url, _ = mobile.oauth.create_authorization_url(
            mobile.metadata["authorization_endpoint"], code_verifier=VERIFIER
        )

        assert "Location" not in mobile.browser.get(url).headers

    def test_for_scopes_that_are_not_the_applications(self, mobile: Mobile) -> None:
        asked = parse_qs(urlsplit(mobile.authorize(scope="openid webhooks:manage")).query)

        assert asked["error"] == ["invalid_scope"]

    def test_for_a_password_in_the_applications_hands(self, mobile: Mobile) -> None:
        with pytest.raises(OAuthError, match="invalid_grant"):
            mobile.oauth.fetch_token(
                mobile.metadata["token_endpoint"], username="ada@tandem.example", password="ada password 1"
            )


class TestAPartnersToken:
    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_is_in_its_own_name(self, admin: Admin, partner: tuple[str, str], method: str) -> None:
        with OAuth2Client(*partner, scope="feed:read", token_endpoint_auth_method=method) as client:
            token = client.fetch_token(f"{admin.url}/identity/o/api/token", grant_type="client_credentials")

        keys = KeySet.import_key_set(httpx.get(f"{admin.url}/.well-known/jwks.json").json())
        claims = jwt.decode(token["access_token"], keys, algorithms=["RS256"]).claims
        assert claims["client_id"] == claims["sub"] == partner[0]
        assert claims["aud"] == "tandem-api"
        assert claims["token_use"] == "access"
        assert claims["scope"] == "feed:read"
        assert "refresh_token" not in token

    @pytest.mark.parametrize(
        ("secret", "scope", "error"),
        [("wrong", "feed:read", "invalid_client"), (None, "orders:read", "invalid_scope")],
    )
    def test_is_refused(
        self, admin: Admin, partner: tuple[str, str], secret: str | None, scope: str, error: str
    ) -> None:
        identity, right = partner
        with OAuth2Client(identity, secret or right, scope=scope) as client, pytest.raises(OAuthError, match=error):
            client.fetch_token(f"{admin.url}/identity/o/api/token", grant_type="client_credentials")

    def test_is_no_way_to_a_persons(self, admin: Admin, partner: tuple[str, str], mobile: Mobile) -> None:
        answer = mobile.browser.get(
            mobile.metadata["authorization_endpoint"],
            params={"response_type": "code", "client_id": partner[0], "redirect_uri": CALLBACK},
        )

        assert "Location" not in answer.headers or "error=" in answer.headers["Location"]
