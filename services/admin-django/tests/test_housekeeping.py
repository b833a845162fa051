"""The scheduled commands of Django and allauth, with the rights of the admin's database role."""

from datetime import timedelta
from io import StringIO

import pytest
from allauth.idp.oidc.models import Client, Token
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

pytestmark = pytest.mark.django_db


def test_expired_sessions_are_cleared_and_others_stay() -> None:
    now = timezone.now()
    for key, hours in (("expired", -1), ("live", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(hours=hours))

    call_command("clearsessions")

    assert [session.session_key for session in Session.objects.all()] == ["live"]


def test_expired_tokens_are_cleared_and_others_stay() -> None:
    now = timezone.now()
    client = Client.objects.create(id="a-client", name="A client")
    for name, expires_at in (("expired", now - timedelta(hours=1)), ("live", now + timedelta(hours=1))):
        Token.objects.create(client=client, type=Token.Type.REFRESH_TOKEN, hash=name, expires_at=expires_at)

    call_command("oidc_cleartokens", stdout=StringIO())

    assert [token.hash for token in Token.objects.filter(client=client)] == ["live"]
