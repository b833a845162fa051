"""Exchanging the key that signs tokens, without a moment in which a token cannot be verified."""

import json
import math
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
from allauth.idp.oidc.adapter import get_adapter
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pydantic import SecretStr, ValidationError
from tandem_admin.identity import metrics
from tandem_admin.identity.management.commands import rotate_signing_keys
from tandem_admin.identity.signing_keys import SigningKey, new_key, rotated

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def first(private_key: str) -> SigningKey:
    return SigningKey(pem=SecretStr(private_key))


@pytest.fixture
def both(first: SigningKey) -> tuple[SigningKey, ...]:
    return rotated([first], now=NOW, announced=HOUR, kept=HOUR)


def configure(settings: LazySettings, keys: tuple[SigningKey, ...]) -> None:
    settings.IDP_OIDC_PRIVATE_KEYS = [
        {"pem": key.pem.get_secret_value(), "not_before": key.not_before, "expires_at": key.expires_at} for key in keys
    ]


def published(client: Client) -> int:
    return len(jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json()).keys)


@pytest.mark.parametrize(
    ("at", "signs", "count"),
    [
        pytest.param(NOW, 0, 2, id="announced"),
        pytest.param(NOW + 1.5 * HOUR, 1, 2, id="taken over"),
        pytest.param(NOW + 2.5 * HOUR, 1, 1, id="the old one is gone"),
    ],
)
@pytest.mark.django_db
def test_a_key_is_published_before_it_signs_and_after_it_did(
    client: Client,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    both: tuple[SigningKey, ...],
    at: datetime,
    signs: int,
    count: int,
) -> None:
    configure(settings, both)
    monkeypatch.setattr(timezone, "now", lambda: at)

    assert get_adapter().get_signing_key().pem == both[signs].pem.get_secret_value()
    assert published(client) == count


def test_a_second_exchange_forgets_what_has_expired(both: tuple[SigningKey, ...]) -> None:
    third = rotated(both, now=NOW + 3 * HOUR, announced=HOUR, kept=HOUR)

    assert [key.pem for key in third[:1]] == [both[1].pem]
    assert third[0].expires_at == NOW + 5 * HOUR
    assert third[1].not_before == NOW + 4 * HOUR


@pytest.mark.parametrize("keys", [0, 1])
def test_the_command_prints_what_the_setting_takes(
    monkeypatch: pytest.MonkeyPatch, first: SigningKey, keys: int
) -> None:
    class Configured:
        oidc_private_keys = (first,) * keys

    monkeypatch.setattr(rotate_signing_keys, "SETTINGS", Configured)
    out = StringIO()
    call_command("rotate_signing_keys", stdout=out)

    printed: list[dict[str, Any]] = json.loads(out.getvalue())
    read = [SigningKey.model_validate(key) for key in printed]
    assert len(read) == keys + 1
    assert read[-1].pem != first.pem
    assert all("expires_at" in key for key in printed[:-1])
    assert "expires_at" not in printed[-1]


def test_age_and_end_of_the_keys_are_measured(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, first: SigningKey, both: tuple[SigningKey, ...]
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW + 3 * HOUR)
    configure(settings, both)
    assert (metrics.signing_key_age(), metrics.signing_key_left()) == (2 * 3600, math.inf)

    ending = both[1].model_copy(update={"expires_at": NOW + 5 * HOUR})
    configure(settings, (both[0], ending))
    assert metrics.signing_key_left() == 2 * 3600

    configure(settings, (first,))
    assert math.isnan(metrics.signing_key_age())
    configure(settings, ())
    assert math.isnan(metrics.signing_key_age())
    assert metrics.signing_key_left() == 0


def test_a_key_that_ends_before_it_begins_is_refused() -> None:
    pem = new_key().pem

    with pytest.raises(ValidationError, match="later"):
        SigningKey(pem=pem, not_before=NOW, expires_at=NOW)
