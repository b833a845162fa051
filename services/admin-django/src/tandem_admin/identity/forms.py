"""Logging in and registering, as far as allauth's own forms leave something to say."""

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.http import HttpRequest, HttpResponse

from tandem_admin.identity.accounts import limit_session
from tandem_admin.users.models import User


class LoginForm(AllauthLoginForm):  # type: ignore[misc]  # allauth has no types
    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, redirect_url)
        limit_session(request)  # behind allauth, which sets the same age for everybody
        return response


class SignupForm(forms.Form):
    """What a person tells who registers, beside the email address and the password."""

    name = forms.CharField(
        max_length=User.name.field.max_length,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="As it should stand on parcels.",
    )

    field_order = ("name", "email", "password1")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Allauth calls it when the user is saved."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
