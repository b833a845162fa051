"""Production starts only with safe settings, and is then as safe as Django can check."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pydantic import SecretStr, ValidationError
from tandem_admin.environment import Settings

MANAGE = [sys.executable, "-c", "from tandem_admin.manage import main; main()"]


@pytest.fixture
def production(private_key: str, tmp_path: Path) -> dict[str, Any]:
    return {
        "environment": "production",
        "secret_key": "production-like-" * 4,
        "oidc_private_keys": [{"pem": private_key}],
        "staff_second_factor": True,
        "mail_url": "smtps://store:secret@mail.example.com",
        "admin_url": "https://admin.example.com",
        "api_url": "https://api.example.com",
        "static_root": str(tmp_path / "static"),
        "media_root": str(tmp_path / "media"),
    }


def manage(settings: dict[str, Any], *arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "DJANGO_"))}
    given = {
        f"TANDEM_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    return subprocess.run(
        [*MANAGE, *arguments], env=kept | given, capture_output=True, text=True, check=False, timeout=60
    )


def test_production_settings_pass_djangos_deployment_checks(production: dict[str, Any]) -> None:
    finished = manage(production, "check", "--deploy", "--fail-level", "WARNING")
    assert finished.returncode == 0, finished.stderr
    assert "no issues" in finished.stdout


def test_production_names_static_files_by_their_content(production: dict[str, Any]) -> None:
    finished = manage(production, "collectstatic", "--noinput")
    assert finished.returncode == 0, finished.stderr
    folder = Path(production["static_root"])
    names = [path.name for path in (folder / "tandem_admin").glob("identity.*.css")]
    assert names
    assert (folder / "tandem_admin" / f"{names[0]}.gz").exists()


def test_an_unsafe_production_ends_with_one_line_that_tells_why(production: dict[str, Any]) -> None:
    del production["secret_key"]
    finished = manage(production, "check")
    assert finished.returncode == 2
    assert finished.stderr.splitlines() == [
        "settings: TANDEM_SECRET_KEY must be set in production, to 50 characters or more"
    ]


@pytest.mark.parametrize(
    ("unsafe", "names"),
    [
        ({"secret_key": "short"}, "TANDEM_SECRET_KEY"),
        ({"oidc_private_keys": []}, "TANDEM_OIDC_PRIVATE_KEYS"),
        ({"staff_second_factor": False}, "TANDEM_STAFF_SECOND_FACTOR"),
        ({"mail_url": "file:///var/mails"}, "TANDEM_MAIL_URL"),
        ({"mail_url": ""}, "TANDEM_MAIL_URL"),
        ({"mail_url": "smtp://mail.example.com"}, "TANDEM_MAIL_URL"),
        ({"admin_url": "http://admin.example.com"}, "TANDEM_ADMIN_URL"),
        ({"static_root": None}, "TANDEM_STATIC_ROOT"),
        ({"media_root": None}, "TANDEM_MEDIA_ROOT"),
    ],
)
def test_production_refuses(production: dict[str, Any], unsafe: dict[str, Any], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        Settings.model_validate(production | unsafe)


@pytest.mark.parametrize(
    "wrong",
    [
        {"admin_url": "https://admin.example.com/"},
        {"admin_url": "admin.example.com"},
        {"api_url": "https://api.example.com/v1"},
        {"oidc_private_keys": [{"pem": "-----BEGIN NONSENSE-----"}]},
        {"mail_url": "imap://mail.example.com"},
        {"mail_url": "smtp://"},
        {"trace_url": "https://traces.example.com/"},
        {"trace_url": "https://traces.example.com/{span_id}/{trace_id}"},
        {"trace_url": "javascript:alert('{trace_id}')"},
    ],
)
def test_malformed_values_are_refused_everywhere(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"environment": "development"} | wrong)


def test_secrets_do_not_show(production: dict[str, Any]) -> None:
    settings = Settings.model_validate(production)
    assert isinstance(settings.secret_key, SecretStr)
    assert production["secret_key"] not in repr(settings)
    assert production["oidc_private_keys"][0]["pem"] not in repr(settings)
    assert "secret@" not in repr(settings)


@pytest.mark.django_db
def test_the_migrations_are_what_the_models_say() -> None:
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()
