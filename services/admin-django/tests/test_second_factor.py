"""Staff need a second factor; whoever has one cannot log in without it."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import LazySettings
from django.test import Client
from tandem_admin.environment import Settings
from tandem_admin.identity import second_factor
from tandem_admin.users.models import User

from .conftest import PASSWORD

MakeUser = Callable[..., User]
ACTIVATE = "/accounts/2fa/totp/activate/"
AUTHENTICATE = "/accounts/2fa/authenticate/"


@pytest.fixture(autouse=True)
def _required(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    settings = Settings.model_validate({"environment": "test", "staff_second_factor": True})
    monkeypatch.setattr(second_factor, "SETTINGS", settings)


@pytest.fixture
def clerk(make_user: MakeUser) -> User:
    return make_user("clerk@example.com", is_staff=True, is_superuser=True)


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def log_in(browser: Client, user: User) -> str:
    answer = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD, "next": "/admin/"})
    return str(answer.headers["Location"])


def activate(browser: Client) -> str:
    page = browser.get(ACTIVATE).content.decode()
    secret = re.search(r'id="authenticator_secret"[^>]* value="([A-Z2-7]+)"', page)
    assert secret, page
    assert browser.post(ACTIVATE, {"code": code(secret[1])}).status_code == 302
    return secret[1]


def test_staff_without_one_are_led_to_its_setup_and_nowhere_else(client: Client, clerk: User) -> None:
    assert log_in(client, clerk) == "/admin/"

    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith(ACTIVATE)
    assert client.get("/admin/users/user/").status_code == 302
    assert client.post(f"/admin/users/user/{clerk.pk}/deactivate/").status_code == 302
    assert User.objects.get(pk=clerk.pk).is_active

    activate(client)
    assert client.get("/admin/").status_code == 200


def test_the_password_alone_is_then_not_enough(client: Client, clerk: User) -> None:
    log_in(client, clerk)
    secret = activate(client)
    browser = Client()

    assert log_in(browser, clerk).startswith(AUTHENTICATE)
    assert browser.get("/admin/").status_code == 302
    assert browser.post(AUTHENTICATE, {"code": "000000"}).status_code == 200
    assert browser.get("/admin/").status_code == 302
    assert browser.post(AUTHENTICATE, {"code": recovery_code(client)}).headers["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert secret


def recovery_code(browser: Client) -> str:
    page = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    codes = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert codes, page
    return str(codes[1].split()[0])


def test_staff_cannot_give_it_up(client: Client, clerk: User) -> None:
    log_in(client, clerk)
    activate(client)

    client.post("/accounts/2fa/totp/deactivate/")

    assert Authenticator.objects.filter(user=clerk, type=Authenticator.Type.TOTP).exists()


def test_customers_need_none(client: Client, make_user: MakeUser) -> None:
    assert client.post("/accounts/login/", {"login": make_user().email, "password": PASSWORD}).status_code == 302
    assert client.get("/").status_code == 200


def test_the_database_has_its_secret_encrypted(client: Client, clerk: User, settings: LazySettings) -> None:
    log_in(client, clerk)
    secret = activate(client)
    kept = Authenticator.objects.get(user=clerk, type=Authenticator.Type.TOTP).data["secret"]
    adapter = second_factor.MFAAdapter()

    assert secret not in kept
    assert adapter.decrypt(kept) == secret
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-that-is-not-secret-for-tests-only-at-all"
    assert adapter.decrypt(kept) == secret, "the secret key was exchanged"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ValueError, match="no longer known"):
        adapter.decrypt(kept)


def test_staffs_sessions_are_short(client: Client, clerk: User, make_user: MakeUser) -> None:
    log_in(client, clerk)
    assert client.session.get_expiry_age() == pytest.approx(4 * 3600, abs=60)

    other = Client()
    other.post("/accounts/login/", {"login": make_user().email, "password": PASSWORD})
    assert other.session.get_expiry_age() == pytest.approx(12 * 3600, abs=60)
