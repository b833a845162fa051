"""An application that logs its user in: authorization code with PKCE, through the real pages."""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

REDIRECT = "http://127.0.0.1:8765/callback"
AUTHORIZE, TOKEN = "/identity/o/authorize", "/identity/o/api/token"
SCOPES = "openid profile email orders:read orders:write account:read account:write"


@dataclass
class Application:
    browser: Client
    client_id: str = "tandem-mobile"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def request(self, **changes: str | None) -> dict[str, str]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        wanted: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "scope": SCOPES,
            "state": "xyz",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (wanted | changes).items() if value is not None}

    def log_in(self, email: str, password: str) -> Any:
        """Be sent to the login page, fill it in, come back to the authorization."""
        page = self.browser.get(AUTHORIZE, self.request(), follow=True)
        target = re.search(r'name="next"[^>]*value="([^"]*)"', page.content.decode())
        assert target
        data = {"login": email, "password": password, "next": html.unescape(target[1])}
        return self.browser.post("/accounts/login/", data)

    def authorize(self, **changes: str | None) -> dict[str, str]:
        """What the redirect back to the application says: a code, or an error."""
        response = self.browser.get(AUTHORIZE, self.request(**changes))
        assert response.status_code == 302, response.content
        return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}

    def exchange(self, code: str, **changes: str) -> Any:
        data = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
        }
        return self.browser.post(TOKEN, data | changes)

    def refresh(self, refresh_token: str) -> Any:
        data = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": self.client_id}
        return self.browser.post(TOKEN, data)
