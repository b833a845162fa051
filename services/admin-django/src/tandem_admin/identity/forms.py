"""What a person tells who registers, beside the email address and the password."""

from django import forms
from django.http import HttpRequest

from tandem_admin.users.models import User


class SignupForm(forms.Form):
    name = forms.CharField(
        max_length=User._meta.get_field("name").max_length,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="As it should stand on parcels.",
    )

    field_order = ("name", "email", "password1")

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth calls it when the user is saved."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
