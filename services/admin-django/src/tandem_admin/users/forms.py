"""Users as staff type them."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from tandem_admin.unfold_types import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from tandem_admin.users import services
from tandem_admin.users.models import User


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")
        field_classes: dict[str, Any] = {}


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_staff", "is_superuser", "groups", "user_permissions")
        field_classes: dict[str, Any] = {}


class ErasureForm(forms.Form):
    reason = forms.CharField(
        max_length=500, widget=UnfoldAdminTextInputWidget, help_text="Such as where the person asked. Nothing personal."
    )


class PasswordForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> User:
        """Set the password, which ends the user's sessions and refresh tokens."""
        user: User = self.user
        services.change_password(user, self.cleaned_data["password1"])
        return user
