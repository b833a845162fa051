"""django-unfold, which has no types, as what it extends of Django."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from django.contrib import admin
    from django.contrib.auth import forms
    from django.http import HttpRequest, HttpResponse

    from tandem_admin.users.models import User

    Decorated = TypeVar("Decorated", bound=Callable[..., Any])

    class ModelAdmin(admin.ModelAdmin[Any]):
        def render_change_form(
            self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
        ) -> HttpResponse: ...

    class TabularInline(admin.TabularInline[Any, Any]): ...

    class AdminPasswordChangeForm(forms.AdminPasswordChangeForm[User]): ...

    class UserChangeForm(forms.UserChangeForm[User]): ...

    class UserCreationForm(forms.AdminUserCreationForm[User]): ...

    def action(*, description: str, permissions: Iterable[str] | None = None) -> Callable[[Decorated], Decorated]: ...

    def display(
        *, description: str, ordering: str | None = None, label: Mapping[str, str] | None = None
    ) -> Callable[[Decorated], Decorated]: ...

else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action, display
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

__all__ = [
    "AdminPasswordChangeForm",
    "ModelAdmin",
    "TabularInline",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "display",
]
