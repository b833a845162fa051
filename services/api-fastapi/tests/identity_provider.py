"""A stand-in for the admin as identity provider: a key of its own, served as a real JWKS over HTTP."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

ALL_SCOPES = "openid orders:read orders:write account:read account:write"


class IdentityProvider:
    """Mints access tokens as allauth does; `requests` counts how often the keys were asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {"first": new_key()}
        self.requests = 0
        self.answering = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add_key(self, key_id: str) -> None:
        self.keys[key_id] = new_key()

    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [
                json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": key_id, "use": "sig", "alg": "RS256"}
                for key_id, key in self.keys.items()
            ]
        }

    def claims(self, customer_id: UUID | str, **changes: object) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": "tandem-api",
            "sub": str(customer_id),
            "exp": int(time.time()) + 300,
            "token_use": "access",
            "scope": ALL_SCOPES,
            "client_id": "tandem-mobile",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, customer_id: UUID | str, *, key_id: str = "first", **changes: object) -> str:
        """An access token; `changes` replace claims, None takes one away."""
        key = self.keys.get(key_id) or new_key()
        return jwt.encode(self.claims(customer_id, **changes), key, algorithm="RS256", headers={"kid": key_id})

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.requests += 1
            body = json.dumps(provider.jwks()).encode()
            self.send_response(200 if provider.answering else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler
