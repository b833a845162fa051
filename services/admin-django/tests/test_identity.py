"""The OpenID Connect provider, through its real pages and addresses."""

from collections.abc import Callable

import jwt
import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from django.conf import LazySettings
from django.test import Client
from tandem_admin.demo.services import load_clients
from tandem_admin.identity import clients
from tandem_admin.users import services
from tandem_admin.users.models import User

from .conftest import PASSWORD
from .oidc import AUTHORIZE, REDIRECT, SCOPES, TOKEN, Application

DOCS = "http://api.example.com"
ISSUER = "http://127.0.0.1:8000"
MakeUser = Callable[..., User]


@pytest.fixture
def ada(make_user: MakeUser, signing_key: str) -> User:
    load_clients(DOCS)
    return make_user()


@pytest.fixture
def application(client: Client, ada: User) -> Application:
    """An application whose user has logged in."""
    app = Application(client)
    assert app.log_in(ada.email, PASSWORD).status_code == 302
    return app


def tokens(application: Application) -> dict[str, str]:
    response = application.exchange(application.authorize()["code"])
    assert response.status_code == 200, response.content
    return dict(response.json())


class TestLoggingIn:
    def test_yields_an_access_token_that_the_api_can_verify_offline(self, application: Application, ada: User) -> None:
        token = tokens(application)["access_token"]
        keys = jwt.PyJWKSet.from_dict(application.browser.get("/.well-known/jwks.json").json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["RS256"], audience="tandem-api", issuer=ISSUER)
        assert claims["sub"] == str(ada.pk)
        assert claims["token_use"] == "access"
        assert claims["client_id"] == "tandem-mobile"
        assert claims["scope"] == SCOPES
        assert claims["exp"] - claims["iat"] == 300

    def test_tells_the_application_who_it_is(self, application: Application, ada: User) -> None:
        answer = tokens(application)
        who = application.browser.get(
            "/identity/o/api/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"}
        ).json()
        assert who == {"sub": str(ada.pk), "email": ada.email, "email_verified": True, "name": "Ada Lovelace"}
        assert jwt.decode(answer["id_token"], options={"verify_signature": False})["aud"] == "tandem-mobile"

    def test_with_a_wrong_password_goes_nowhere(self, client: Client, ada: User) -> None:
        response = Application(client).log_in(ada.email, "wrong")
        assert response.status_code == 200
        assert "not correct" in response.content.decode()

    def test_does_not_mind_the_case_of_the_address(self, client: Client, ada: User) -> None:
        assert Application(client).log_in("ADA@Example.com", PASSWORD).status_code == 302

    def test_asks_for_consent_where_the_application_is_not_ours(self, application: Application) -> None:
        OAuthClient.objects.filter(pk="tandem-mobile").update(skip_consent=False, name="Partner")
        page = application.browser.get(AUTHORIZE, application.request())
        assert "Place and cancel orders for you" in page.content.decode()
        data = {"request": page.context["form"].initial["request"], "scopes": ["openid", "orders:read"]}
        granted = application.browser.post(AUTHORIZE, data | {"action": "grant"})
        assert granted.headers["Location"].startswith(f"{REDIRECT}?code=")
        denied = application.browser.post(AUTHORIZE, data | {"action": "cancel"})
        assert "error=access_denied" in denied.headers["Location"]


class TestRefusals:
    def test_a_public_client_without_pkce(self, application: Application) -> None:
        answer = application.authorize(code_challenge=None, code_challenge_method=None)
        assert answer["error"] == "invalid_request"
        assert "code" not in answer

    @pytest.mark.parametrize("method", ["plain", None])
    def test_a_challenge_that_is_the_verifier(self, application: Application, method: str | None) -> None:
        assert application.authorize(code_challenge_method=method)["error"] == "invalid_request"

    def test_a_wrong_verifier(self, application: Application) -> None:
        response = application.exchange(application.authorize()["code"], code_verifier="x" * 64)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")

    def test_a_code_that_was_used(self, application: Application) -> None:
        code = application.authorize()["code"]
        assert application.exchange(code).status_code == 200
        assert application.exchange(code).status_code == 400

    @pytest.mark.parametrize("uri", ["https://evil.example/callback", "http://127.0.0.1:8765/other", "tandem://other"])
    def test_a_foreign_redirect(self, application: Application, uri: str) -> None:
        response = application.browser.get(AUTHORIZE, application.request(redirect_uri=uri))
        assert "Location" not in response.headers
        assert "cannot be served" in response.content.decode()

    def test_a_scope_that_the_client_may_not_ask(self, application: Application) -> None:
        assert application.authorize(scope="openid admin")["error"] == "invalid_scope"

    def test_a_refresh_token_that_was_rotated(self, application: Application) -> None:
        first = tokens(application)["refresh_token"]
        second = application.refresh(first)
        assert second.status_code == 200
        assert second.json()["refresh_token"] != first
        assert application.refresh(first).status_code == 400


class TestADeactivatedUser:
    def test_can_neither_log_in_nor_refresh(self, application: Application, ada: User) -> None:
        refresh_token = tokens(application)["refresh_token"]
        services.deactivate(ada)
        assert application.refresh(refresh_token).status_code == 400
        stranger = Application(Client())
        assert stranger.log_in(ada.email, PASSWORD).headers["Location"] == "/accounts/inactive/"
        assert stranger.browser.get(AUTHORIZE, stranger.request()).headers["Location"].startswith("/accounts/login/")

    def test_cannot_use_a_code_from_before(self, application: Application, ada: User) -> None:
        code = application.authorize()["code"]
        services.deactivate(ada)
        assert application.exchange(code).status_code == 400

    def test_finds_no_old_session_or_token_alive_when_reactivated(self, application: Application, ada: User) -> None:
        refresh_token = tokens(application)["refresh_token"]
        services.deactivate(ada)
        services.reactivate(ada)
        assert application.refresh(refresh_token).status_code == 400
        response = application.browser.get(AUTHORIZE, application.request())
        assert response.headers["Location"].startswith("/accounts/login/")
        assert application.log_in(ada.email, PASSWORD).status_code == 302


class TestWhatAnyoneMayRead:
    def test_the_configuration_names_fixed_addresses(self, client: Client, db: None, settings: LazySettings) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        response = client.get("/.well-known/openid-configuration", headers={"Host": "inside:9"})
        told = response.json()
        assert told["issuer"] == ISSUER
        assert told["token_endpoint"] == f"{ISSUER}{TOKEN}"
        assert told["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert set(told["scopes_supported"]) == {*clients.SCOPES, *clients.PARTNER_SCOPES}
        assert not [url for url in told.values() if isinstance(url, str) and "inside" in url]

    @pytest.mark.parametrize("path", ["openid-configuration", "jwks.json"])
    def test_is_cacheable(self, client: Client, signing_key: str, db: None, path: str) -> None:
        control = client.get(f"/.well-known/{path}").headers["Cache-Control"]
        assert "public" in control
        assert "max-age=300" in control

    def test_the_keys_are_public_ones(self, client: Client, signing_key: str, db: None) -> None:
        (key,) = client.get("/.well-known/jwks.json").json()["keys"]
        assert key["kty"] == "RSA"
        assert not {"d", "p", "q"} & key.keys()


class TestTheApisDocumentation:
    """It asks for tokens from the browser, across origins."""

    def test_may_ask_beforehand(self, client: Client, ada: User) -> None:
        answer = client.options(TOKEN, headers={"Origin": DOCS, "Access-Control-Request-Method": "POST"})
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == DOCS
        assert "X-Requested-With" in answer.headers["Access-Control-Allow-Headers"]

    def test_another_site_may_not(self, client: Client, ada: User) -> None:
        answer = client.options(TOKEN, headers={"Origin": "http://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_can_read_its_token(self, client: Client, ada: User) -> None:
        docs = Application(client, client_id="tandem-api-docs")
        redirect = f"{DOCS}/docs/oauth2-redirect"
        client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
        code = docs.authorize(redirect_uri=redirect)["code"]
        data = {"code": code, "redirect_uri": redirect, "client_id": docs.client_id, "code_verifier": docs.verifier}
        answer = client.post(TOKEN, {"grant_type": "authorization_code"} | data, headers={"Origin": DOCS})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == DOCS


class TestTheTieToTheWindowThatOpenedTheLogin:
    @pytest.mark.parametrize("path", ["/accounts/login/", AUTHORIZE])
    def test_is_kept_on_the_pages_of_the_login(self, client: Client, ada: User, path: str) -> None:
        assert client.get(path)["Cross-Origin-Opener-Policy"] == "unsafe-none"

    def test_is_cut_in_the_back_office(self, client: Client, ada: User) -> None:
        assert client.get("/admin/login/")["Cross-Origin-Opener-Policy"] == "same-origin"
