"""How people register and log in: allauth's account adapter."""

import time
from datetime import timedelta
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.core import context
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tandem_admin.settings import SETTINGS
from tandem_admin.users import services
from tandem_admin.users.models import User

# The page that follows shows it anyway; in the flow of another application it would turn up much later.
UNSAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})


def limit_session(request: HttpRequest) -> None:
    """Staff log in anew every few hours, customers as rarely as they may."""
    if request.user.is_staff:
        request.session.set_expiry(timedelta(hours=SETTINGS.staff_session_hours))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Whoever proves an address for the first time is a customer from then on."""
        with transaction.atomic():
            known = EmailAddress.objects.filter(user=email_address.user, verified=True).exists()
            confirmed = bool(super().confirm_email(request, email_address))
            if confirmed and not known:
                services.welcome(email_address.user)
        return confirmed

    def set_password(self, user: User, password: str) -> None:
        """For a change and a reset: whoever knew the old one is logged out, and has no tokens any more."""
        with transaction.atomic():
            services.change_password(user, password)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Not of somebody who gave the password minutes ago: allauth would ask again after the login itself."""
        request = context.request
        records = get_authentication_records(request, request.user)
        recent = bool(records) and time.time() - records[-1]["at"] < app_settings.REAUTHENTICATION_TIMEOUT
        return not recent and bool(super().is_reauthentication_required(app=app))

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **details)
        limit_session(request)
        return response

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in UNSAID:
            super().add_message(request, level, message_template, *args, **kwargs)
