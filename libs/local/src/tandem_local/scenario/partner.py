"""A partner: a server that staff register, and that calls the API in its own name."""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import cast

import httpx

from tandem_local.system import System

MANAGE = str(Path(sys.executable).with_name("tandem-manage"))
_REGISTER = """
import json
from tandem_admin.identity.clients import register_partner
client, secret = register_partner({name!r}, {scopes!r})
print(json.dumps([client.pk, secret]))
"""


def run_in_admin(system: System, code: str) -> object:
    """Run code in Django's shell, as the admin; returns what its last line prints, read as JSON."""
    ended = subprocess.run(
        [MANAGE, "shell", "-v", "0", "-c", code],
        env=os.environ | system.wiring.admin_settings(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ended.stdout.splitlines()[-1])


def register_partner(system: System, name: str, scopes: Collection[str]) -> tuple[str, str]:
    """A new partner's client id and secret."""
    return cast("tuple[str, str]", run_in_admin(system, _REGISTER.format(name=name, scopes=sorted(scopes))))


def partner_token(system: System, client_id: str, secret: str) -> str:
    """An access token, by client credentials."""
    given = httpx.post(
        f"{system.admin_url}/identity/o/api/token",
        data={"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret},
    ).raise_for_status()
    token: str = given.json()["access_token"]
    return token
