"""Pages for users and groups."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from tandem_admin.acts import Act, ActRefusedError, ActsAdmin, button
from tandem_admin.audit.models import AuditEntry
from tandem_admin.audit.services import record
from tandem_admin.audit.trail import AuditedAdmin
from tandem_admin.unfold_types import action, display
from tandem_admin.users import personal_data, services
from tandem_admin.users.forms import ErasureForm, NewUserForm, PasswordForm, UserForm
from tandem_admin.users.models import User

# Who may give rights may take all: that is for superusers alone.
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def _deactivate(user: User) -> str:
    if not services.deactivate(user):
        raise ActRefusedError("This user is deactivated already.")
    return "Deactivated, and logged out everywhere."


def _reactivate(user: User) -> str:
    if not services.reactivate(user):
        raise ActRefusedError(_why_not_reactivate(user) or "This user is active already.")
    return "The user can log in again."


def _why_not_reactivate(user: User) -> str | None:
    if user.erased_at is not None:
        return "This user is erased: nobody is left who could log in."
    return "This user is active already." if user.is_active else None


def _erase(user: User, **_reason: str) -> str:  # the reason is for the audit trail
    try:
        personal_data.erase(user)
    except ValueError as error:
        raise ActRefusedError(str(error)) from error
    return "Nothing tells any more who this was."


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ActsAdmin):  # type: ignore[type-arg]  # not generic at run time
    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = ("email", "name", "is_staff", "active_badge", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "name")
    ordering = ("-created_at",)
    list_per_page = 50
    filter_horizontal = ("groups", "user_permissions")
    actions = ("deactivate", "reactivate")
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "kept_addresses")}),
        ("Rights", {"fields": RIGHTS}),
        ("History", {"fields": ("is_active", "last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)
    acts = (
        Act(
            name="deactivate",
            title="Deactivate",
            icon="person_off",
            permission="users.change_user",
            perform=_deactivate,
            refusal=lambda user: None if user.is_active else "This user is deactivated already.",
            explanation="The user can no longer log in; the API refuses them within seconds. Their orders stay.",
            dangerous=True,
        ),
        Act(
            name="reactivate",
            title="Reactivate",
            icon="person_check",
            permission="users.change_user",
            perform=_reactivate,
            refusal=_why_not_reactivate,
            explanation="The user can log in again.",
        ),
        Act(
            name="erase",
            title="Erase",
            icon="ink_eraser",
            permission="users.erase_user",
            form=ErasureForm,
            perform=_erase,
            refusal=personal_data.why_not_erase,
            explanation="Name, address and every way to log in are removed for good. The orders stay as nobody's.",
            dangerous=True,
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = ("kept_addresses", "is_active", "last_login", "created_at")
        return fixed if request.user.is_superuser else (*fixed, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers change superusers: whoever sets a password has the account."""
        guarded = obj is not None and obj.is_superuser and not request.user.is_superuser
        erased = obj is not None and obj.erased_at is not None
        return not guarded and not erased and super().has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.copy_view)
        return [path("<uuid:user_id>/copy/", view, name="users_user_copy"), *super().get_urls()]

    def copy_view(self, request: HttpRequest, user_id: UUID) -> HttpResponse:
        """All that is kept about a person, as a file."""
        if not request.user.has_perm("users.export_user"):
            raise PermissionDenied
        user = get_object_or_404(User, pk=user_id)
        with transaction.atomic():
            answer = JsonResponse(personal_data.copy_of(user), json_dumps_params={"indent": 2, "ensure_ascii": False})
            record(request, user, AuditEntry.Action.ACTED, message="Took a copy of the person's data.")
        answer["Content-Disposition"] = f'attachment; filename="{user.pk}.json"'
        return answer

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        copy = button("Copy of data", "download", reverse("admin:users_user_copy", args=[obj.pk]))
        return [*super().buttons(request, obj), *([copy] if request.user.has_perm("users.export_user") else [])]

    def may_act(self, request: HttpRequest, act: Act, obj: Any) -> bool:
        return super().may_act(request, act, obj) and self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Users are deactivated: their orders must go on naming them."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: "forms.ModelForm[User]", change: bool) -> None:
        # Django's view has opened the transaction.
        if change:
            services.change(obj)
        else:
            services.register(obj)

    @display(description="Active", ordering="is_active", label={"active": "success", "deactivated": "danger"})
    def active_badge(self, user: User) -> str:
        return "active" if user.is_active else "deactivated"

    @display(description="Addresses")
    def kept_addresses(self, user: User) -> SafeString | str:
        """Those that a customer keeps in the app, to look at."""
        return (
            format_html_join(SafeString("<br>"), "{}", ((str(one),) for one in user.addresses.all())) or "\N{EM DASH}"
        )

    @action(description="Deactivate", permissions=["change"])
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        with transaction.atomic():
            done = [user for user in self._changeable(request, users) if services.deactivate(user)]
            for user in done:
                self.log_change(request, user, "Deactivated with others.")
        messages.success(request, f"{len(done)} users deactivated.")

    @action(description="Reactivate", permissions=["change"])
    def reactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        with transaction.atomic():
            done = [user for user in self._changeable(request, users) if services.reactivate(user)]
            for user in done:
                self.log_change(request, user, "Reactivated with others.")
        messages.success(request, f"{len(done)} users reactivated.")

    def _changeable(self, request: HttpRequest, users: QuerySet[User]) -> list[User]:
        return [user for user in users.order_by("pk") if self.has_change_permission(request, user)]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, AuditedAdmin):
    pass
