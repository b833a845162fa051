"""Becoming a customer, and getting in again when the password is lost."""

import re
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from tandem_admin.demo.services import load_clients
from tandem_admin.events.models import OutboxEvent
from tandem_admin.users.models import User

from .conftest import PASSWORD
from .oidc import AUTHORIZE, Application

MakeUser = Callable[..., User]
NEW = {"name": "Mary Shelley", "email": "Mary@Example.com", "password1": PASSWORD}
CODE = re.compile(r"^\s*([A-Z0-9-]{6,9})\s*$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings, db: None) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def code_in_last_mail() -> str:
    match = CODE.search(str(mail.outbox[-1].body))
    assert match, mail.outbox[-1].body
    return match[1]


def registered() -> list[str]:
    return list(OutboxEvent.objects.filter(type="customer.registered.v1").values_list("type", flat=True))


def test_whoever_proves_the_address_is_a_customer(client: Client) -> None:
    assert client.post("/accounts/signup/", NEW).headers["Location"] == "/accounts/confirm-email/"
    assert registered() == []

    answer = client.post("/accounts/confirm-email/", {"code": code_in_last_mail()})

    assert answer.status_code == 302
    user = User.objects.get(email="mary@example.com")
    assert (user.name, user.is_staff) == ("Mary Shelley", False)
    assert EmailAddress.objects.get(user=user).verified
    assert registered() == ["customer.registered.v1"]
    assert client.get("/", follow=True).context["user"] == user


def test_who_came_from_an_application_is_led_back_to_it(client: Client, signing_key: str) -> None:
    load_clients("http://api.example.com")
    application = Application(client)
    page = client.get(AUTHORIZE, application.request(), follow=True)
    page = client.get(page.context["signup_url"])
    target = page.context["redirect_field_value"]

    client.post("/accounts/signup/", NEW | {"next": target})
    answer = client.post("/accounts/confirm-email/", {"code": code_in_last_mail()})

    assert answer.headers["Location"] == target
    assert application.exchange(application.authorize()["code"]).status_code == 200


def test_without_the_code_there_is_no_way_in(client: Client) -> None:
    client.post("/accounts/signup/", NEW)

    assert client.post("/accounts/confirm-email/", {"code": "WRONG1"}).status_code == 200
    assert client.get("/").headers["Location"].startswith("/accounts/login/")
    assert registered() == []


def test_who_is_known_already_learns_it_by_mail_alone(client: Client, make_user: MakeUser) -> None:
    known = make_user()

    answer = client.post("/accounts/signup/", NEW | {"email": known.email})

    assert answer.headers["Location"] == "/accounts/confirm-email/", "as for a new address"
    assert "already" in str(mail.outbox[-1].body)
    assert User.objects.filter(email=known.email).count() == 1
    assert not User.objects.filter(email=NEW["email"]).exists()


def test_a_lost_password_is_replaced_and_all_that_rested_on_it_ends(
    client: Client, make_user: MakeUser, signing_key: str
) -> None:
    user = make_user()
    load_clients("http://api.example.com")
    thief = Application(Client())
    thief.log_in(user.email, PASSWORD)
    tokens = thief.exchange(thief.authorize()["code"]).json()

    client.post("/accounts/password/reset/", {"email": user.email})
    client.post("/accounts/password/reset/confirm/", {"code": code_in_last_mail()})
    new = {"password1": "another horse battery", "password2": "another horse battery"}
    assert client.post("/accounts/password/reset/complete/", new).status_code == 302

    assert Client().post("/accounts/login/", {"login": user.email, "password": new["password1"]}).status_code == 302
    assert Client().post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 200
    assert thief.refresh(tokens["refresh_token"]).status_code == 400
    assert not Token.objects.filter(user=user, type=Token.Type.REFRESH_TOKEN).exists()
    assert thief.browser.get("/").headers["Location"].startswith("/accounts/login/")


def test_guessing_passwords_ends_soon(client: Client, make_user: MakeUser) -> None:
    user = make_user()
    wrong = {"login": user.email, "password": "wrong"}

    answers = [client.post("/accounts/login/", wrong).content.decode() for _ in range(7)]
    right = client.post("/accounts/login/", wrong | {"password": PASSWORD})

    assert "not correct" in answers[0]
    assert "Too many" in answers[-1]
    assert right.status_code == 200, "nor with the right one, for a while"


@pytest.mark.parametrize(
    "path", ["/accounts/signup/", "/accounts/login/", "/accounts/password/reset/", "/admin/login/"]
)
def test_pages_allow_no_script_but_ours(client: Client, path: str) -> None:
    policy = client.get(path, follow=True).headers["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
