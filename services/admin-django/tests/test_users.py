"""Users in the admin: made, changed and deactivated through the services."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.test import Client
from tandem_admin.events.models import OutboxEvent
from tandem_admin.users import services
from tandem_admin.users.models import User

from .conftest import PASSWORD, rolled_back

MakeUser = Callable[..., User]


def events_of(user: User) -> list[str]:
    return list(OutboxEvent.objects.filter(aggregate_id=user.pk).values_list("type", flat=True))


def page(user: User, name: str) -> str:
    return f"/admin/users/user/{user.pk}/{name}/"


def test_staff_log_in_by_email(client: Client, superuser: User) -> None:
    data = {"login": "Chief@Example.com", "password": PASSWORD, "next": "/admin/"}
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/accounts/login/?next=/admin/"
    assert client.post("/accounts/login/", data).headers["Location"] == "/admin/"


def test_customers_cannot_log_in_there(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user())
    assert client.get("/admin/", follow=True).status_code == 403


def test_staff_make_an_account_that_can_log_in(staff: Client, client: Client) -> None:
    data = {"email": "New@Example.com", "name": "New", "password1": PASSWORD, "password2": PASSWORD}
    assert staff.post("/admin/users/user/add/", data).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert EmailAddress.objects.get(user=user).verified
    assert events_of(user) == ["customer.registered.v1"]
    assert Client().post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302


def test_a_weak_password_is_refused(staff: Client) -> None:
    data = {"email": "new@example.com", "password1": "12345678", "password2": "12345678"}
    assert staff.post("/admin/users/user/add/", data).context["adminform"].form.errors["password2"]


def test_deactivating_and_reactivating_are_events(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    assert staff.post(page(user, "deactivate")).status_code == 302
    assert staff.post(page(user, "deactivate")).status_code == 409
    assert staff.post(page(user, "reactivate")).status_code == 302
    assert events_of(user) == ["customer.registered.v1", "customer.deactivated.v1", "customer.reactivated.v1"]


def test_the_bulk_action_states_each_deactivation(staff: Client, make_user: MakeUser) -> None:
    user, gone = make_user("a@example.com"), make_user("b@example.com")
    services.deactivate(gone)
    data = {"action": "deactivate", "_selected_action": [str(user.pk), str(gone.pk)]}
    staff.post("/admin/users/user/", data)
    assert not User.objects.get(pk=user.pk).is_active
    assert events_of(user)[1:] == events_of(gone)[1:] == ["customer.deactivated.v1"]


def test_nothing_is_left_of_a_deactivation_that_is_rolled_back(make_user: MakeUser) -> None:
    user = make_user()
    with rolled_back():
        services.deactivate(user)
        assert events_of(user) == ["customer.registered.v1", "customer.deactivated.v1"]
    assert User.objects.get(pk=user.pk).is_active
    assert events_of(user) == ["customer.registered.v1"]


def test_deactivating_ends_the_session_at_once(client: Client, make_user: MakeUser) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    client.force_login(clerk)
    assert client.get("/admin/").status_code == 200
    services.deactivate(clerk)
    assert client.get("/admin/").status_code == 302
    services.reactivate(clerk)
    assert client.get("/admin/").status_code == 302


def test_the_form_does_not_undo_a_deactivation(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    services.deactivate(user)
    data = {"email": user.email, "name": "Renamed", "is_active": "on"}
    assert staff.post(page(user, "change"), data).status_code == 302
    changed = User.objects.get(pk=user.pk)
    assert (changed.name, changed.is_active) == ("Renamed", False)


def test_a_new_address_is_the_one_to_log_in_with(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    staff.post(page(user, "change"), {"email": "Countess@Example.com", "name": "Ada"})
    log_in = {"login": "countess@example.com", "password": PASSWORD}
    assert Client().post("/accounts/login/", log_in).status_code == 302
    assert Client().post("/accounts/login/", log_in | {"login": "ada@example.com"}).status_code == 200


def test_staff_set_a_password(staff: Client, make_user: MakeUser) -> None:
    user = make_user()
    other = Client()
    other.force_login(user)
    data = {"password1": "another good one 1", "password2": "another good one 1"}
    assert staff.post(page(user, "password"), data).status_code == 302
    assert User.objects.get(pk=user.pk).check_password("another good one 1")
    assert other.get("/").headers["Location"] == "/accounts/login/"


class TestStaffWhoMayChangeUsers:
    @pytest.fixture
    def clerk(self, client: Client, make_user: MakeUser) -> Client:
        user = make_user("clerk@example.com", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
        client.force_login(user)
        return client

    def test_cannot_give_rights(self, clerk: Client, make_user: MakeUser) -> None:
        user = make_user()
        rights = {"is_staff": "on", "is_superuser": "on"}
        assert clerk.post(page(user, "change"), {"email": user.email, "name": "N"} | rights).status_code == 302
        changed = User.objects.get(pk=user.pk)
        assert (changed.name, changed.is_staff, changed.is_superuser) == ("N", False, False)

    @pytest.mark.parametrize("name", ["change", "password", "deactivate"])
    def test_cannot_touch_a_superuser(self, clerk: Client, superuser: User, name: str) -> None:
        data = {"email": superuser.email, "password1": "taken over 123", "password2": "taken over 123"}
        assert clerk.post(page(superuser, name), data).status_code == 403
        assert User.objects.get(pk=superuser.pk).is_active
        assert User.objects.get(pk=superuser.pk).check_password(PASSWORD)

    def test_cannot_deactivate_a_superuser_in_bulk(self, clerk: Client, superuser: User) -> None:
        clerk.post("/admin/users/user/", {"action": "deactivate", "_selected_action": [str(superuser.pk)]})
        assert User.objects.get(pk=superuser.pk).is_active


@pytest.mark.parametrize(
    "path",
    [
        "users/user/", "users/user/add/", "auth/group/", "auth/group/add/", "allauth_idp_oidc/client/",
        "catalog/category/", "catalog/category/add/", "events/outboxevent/", "events/deadletter/",
    ],
)  # fmt: skip
def test_every_page_opens(staff: Client, path: str) -> None:
    assert staff.get(f"/admin/{path}").status_code == 200
