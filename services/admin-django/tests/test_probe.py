"""`register_probe`: a customer that no person is, the client that acts for it, and the article that it orders."""

from io import StringIO
from typing import Any
from uuid import UUID

import jwt
import pytest
from allauth.idp.oidc.models import Client
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from tandem_admin.catalog.models import Product
from tandem_admin.dashboard import figures
from tandem_admin.events.models import OutboxEvent
from tandem_admin.identity.clients import register_partner, save_client_of
from tandem_admin.inventory.models import Stock
from tandem_admin.probe.services import EMAIL, PIECES
from tandem_admin.users.models import User

from .oidc import TOKEN
from .store import Store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("signing_key")]
SECRET = "correct horse battery staple, and more"


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("TANDEM_PROBE_CLIENT_SECRET", SECRET)
    call_command("register_probe", stdout=StringIO())
    return User.objects.get(email=EMAIL)


def token(browser: Browser, secret: str) -> Any:
    asked = {"grant_type": "client_credentials", "client_id": "tandem-probe", "client_secret": secret}
    return browser.post(TOKEN, asked)


def claims(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return found


def test_its_tokens_are_the_customer_s_and_allow_to_order(client: Browser, registered: User) -> None:
    told = claims(token(client, SECRET))

    assert told["sub"] == str(registered.pk)
    assert told["client_id"] == "tandem-probe"
    assert set(told["scope"].split()) == {"orders:read", "orders:write"}
    assert not registered.has_usable_password()
    assert not registered.is_staff


def test_a_partner_stays_itself(client: Browser) -> None:
    partner, secret = register_partner("Parcels", ["feed:read"])
    asked = {"grant_type": "client_credentials", "client_id": partner.pk, "client_secret": secret}

    assert claims(client.post(TOKEN, asked))["sub"] == partner.pk


def test_no_client_acts_for_a_person(client: Browser, make_user: Any) -> None:
    person = make_user("ada@tandem.example")
    with pytest.raises(ValueError, match="invalid"):
        save_client_of(person, "mallory", name="Mallory", scopes=["orders:read"], secret=SECRET)

    partner, secret = register_partner("Parcels", ["feed:read"])
    Client.objects.filter(pk=partner.pk).update(owner=person)  # whoever wrote it there
    asked = {"grant_type": "client_credentials", "client_id": partner.pk, "client_secret": secret}
    assert claims(client.post(TOKEN, asked))["sub"] == partner.pk


def test_its_article_is_in_the_store_with_pieces_and_says_what_it_is(registered: User) -> None:
    article = Product.objects.get(sku="PROBE")

    assert article.status == Product.Status.PUBLISHED
    assert "not for sale" in article.name
    assert Stock.objects.get(product=article).available == PIECES


def test_a_second_time_takes_another_secret_and_changes_nothing_else(
    client: Browser, registered: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = OutboxEvent.objects.count()
    monkeypatch.setenv("TANDEM_PROBE_CLIENT_SECRET", SECRET[::-1])
    call_command("register_probe", stdout=StringIO())

    assert OutboxEvent.objects.count() == before
    assert token(client, SECRET).status_code == 401
    assert token(client, SECRET[::-1]).status_code == 200


def test_without_a_secret_one_is_made_and_shown(client: Browser) -> None:
    told = StringIO()
    call_command("register_probe", stdout=told)

    secret = told.getvalue().rpartition("secret: ")[2].strip()
    assert token(client, secret).status_code == 200


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_PROBE_CLIENT_SECRET", "short")
    with pytest.raises(CommandError, match="32 characters") as refused:
        call_command("register_probe")
    assert "short" not in str(refused.value)


def test_a_machine_s_orders_are_not_among_the_figures_and_a_person_s_are(own_customer_id: UUID, store: Store) -> None:
    Client.objects.create(pk="machine", name="Machine", owner_id=own_customer_id)  # whoever wrote it there
    before = figures.order_figures(timezone.now())
    store.pay_order(own_customer_id)

    of_a_person = figures.order_figures(timezone.now())
    assert of_a_person.today == before.today + 1
    assert of_a_person.revenue_today != before.revenue_today

    User.objects.filter(pk=own_customer_id).update(email="machine@tandem.invalid")
    of_a_machine = figures.order_figures(timezone.now())
    assert of_a_machine.today == before.today
    assert of_a_machine.revenue_today == before.revenue_today


def test_whoever_had_the_account_before_is_out(
    client: Browser, make_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_user(EMAIL)
    client.force_login(before)
    assert "_auth_user_id" in client.session
    monkeypatch.setenv("TANDEM_PROBE_CLIENT_SECRET", SECRET)
    call_command("register_probe", stdout=StringIO())

    now = User.objects.get(email=EMAIL)
    assert now.pk == before.pk
    assert not now.has_usable_password()
    assert now.sessions_ended == before.sessions_ended + 1
