"""`load_demo`: a store to look at, with its events; any number of times."""

import pytest
from allauth.idp.oidc.models import Client
from django.core.management import CommandError, call_command
from tandem_admin.catalog.models import Product
from tandem_admin.demo import services
from tandem_admin.events.models import OutboxEvent
from tandem_admin.inventory.models import Stock
from tandem_admin.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_DEMO_STAFF_PASSWORD", "staff password 1")
    monkeypatch.setenv("TANDEM_DEMO_CUSTOMER_PASSWORD", "ada password 1")


def test_it_publishes_a_stocked_catalogue_with_its_events() -> None:
    call_command("load_demo")
    assert Product.objects.filter(status="published").count() == 12
    assert not Stock.objects.filter(available=0).exists()
    assert OutboxEvent.objects.filter(type="product.published.v1").count() == 12
    assert OutboxEvent.objects.filter(type="stock.received.v1").count() == 12


def test_a_second_run_changes_nothing() -> None:
    call_command("load_demo")
    before = OutboxEvent.objects.count()
    call_command("load_demo")
    assert OutboxEvent.objects.count() == before
    assert Product.objects.count() == 12


def test_a_new_password_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("load_demo")
    monkeypatch.setenv("TANDEM_DEMO_STAFF_PASSWORD", "another password 2")
    call_command("load_demo")
    staff = User.objects.get(email="staff@tandem.example")
    assert staff.check_password("another password 2")
    assert staff.is_superuser


def test_the_redirects_follow_the_apis_address() -> None:
    services.load_clients("http://127.0.0.1:1")
    services.load_clients("http://127.0.0.1:2")
    docs = Client.objects.get(pk="tandem-api-docs")
    assert docs.get_redirect_uris() == ["http://127.0.0.1:2/docs/oauth2-redirect"]
    assert docs.get_cors_origins() == ["http://127.0.0.1:2"]
    assert docs.type == Client.Type.PUBLIC


def test_without_passwords_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TANDEM_DEMO_CUSTOMER_PASSWORD")
    with pytest.raises(CommandError, match="TANDEM_DEMO_CUSTOMER_PASSWORD"):
        call_command("load_demo")
