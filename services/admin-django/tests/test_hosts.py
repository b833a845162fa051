"""Where there is a host for staff, the back office answers there alone."""

import pytest
from django.conf import LazySettings
from django.test import Client
from tandem_admin import middleware
from tandem_admin.environment import Settings

ACCOUNTS, STAFF, KEYS = "accounts.example.com", "staff.example.com", "tandem-admin"


@pytest.fixture(autouse=True)
def _hosts(monkeypatch: pytest.MonkeyPatch, settings: LazySettings, db: None) -> None:
    hosts = {"admin_url": f"http://{ACCOUNTS}:8000", "staff_url": f"http://{STAFF}:8000", "keys_host": KEYS}
    monkeypatch.setattr(middleware, "SETTINGS", Settings.model_validate({"environment": "test", **hosts}))
    settings.ALLOWED_HOSTS = [ACCOUNTS, STAFF, KEYS]


@pytest.mark.parametrize(
    ("path", "at_accounts", "at_staff"),
    [
        ("/admin/", 404, 302),
        ("/admin/orders/order/", 404, 302),
        ("/accounts/login/", 200, 200),
        ("/.well-known/openid-configuration", 200, 404),
        ("/identity/o/authorize", 302, 404),
    ],
)
def test_each_host_has_its_own(client: Client, path: str, at_accounts: int, at_staff: int) -> None:
    assert client.get(path, headers={"Host": f"{ACCOUNTS}:8000"}).status_code == at_accounts
    assert client.get(path, headers={"Host": f"{STAFF}:8000"}).status_code == at_staff


def test_the_host_for_the_keys_has_them_alone(client: Client) -> None:
    assert "keys" in client.get("/.well-known/jwks.json", headers={"Host": KEYS}).json()
    for path in ("/accounts/login/", "/admin/", "/.well-known/openid-configuration", "/identity/o/authorize"):
        assert client.get(path, headers={"Host": KEYS}).status_code == 404


def test_no_other_host_has_anything(client: Client) -> None:
    assert client.get("/accounts/login/", headers={"Host": "evil.example"}).status_code == 400
