"""A store with customers and products, and tokens that its API accepts."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from uuid import UUID, uuid4

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

CUSTOMERS = 200
PRODUCTS = 50
SKUS = [f"SKU-{number:03}" for number in range(PRODUCTS)]
ISSUER = "https://id.tandem.example"
API_URL = "https://api.tandem.example"
AUDIENCE = "tandem-api"

STORE = """
    INSERT INTO users_user (email, password, is_superuser)
    SELECT 'customer-' || n || '@tandem.example', '', false FROM generate_series(1, %(customers)s) AS n;
    INSERT INTO catalog_category (slug, name) VALUES ('kitchen', 'Kitchen');
    INSERT INTO catalog_product (sku, name, category_id, price_amount, status, published_at)
    SELECT sku, 'Product ' || sku, (SELECT id FROM catalog_category), 2400, 'published', now()
    FROM unnest(%(skus)s::text[]) AS sku;
    INSERT INTO inventory_stock (sku, available) SELECT sku, 1000000 FROM unnest(%(skus)s::text[]) AS sku;
    INSERT INTO inventory_stockmovement (sku, reason, available_change)
    SELECT sku, 'receipt', 1000000 FROM unnest(%(skus)s::text[]) AS sku;
"""


def furnish(url: str) -> list[UUID]:
    """Fill a new database, as the superuser of `url`, with plenty of everything; returns the customers' ids."""
    with psycopg.ClientCursor(psycopg.connect(url)) as cursor, cursor.connection:
        cursor.execute(STORE, {"customers": CUSTOMERS, "skus": SKUS})
        cursor.execute("SELECT id FROM users_user ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def basket(random: Random) -> dict[str, Any]:
    """An order of two products, as the API takes it."""
    lines = [{"sku": sku, "quantity": 1} for sku in random.sample(SKUS, 2)]
    return {"lines": lines, "payment_token": "tok_visa"}


class Identities:
    """An identity provider's key: it signs tokens as the admin does, and is served as a JWKS at `url`."""

    def __init__(self) -> None:
        self._key = generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key()
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        keys = {"keys": [json.loads(RSAAlgorithm.to_jwk(public)) | {"kid": "1", "use": "sig", "alg": "RS256"}]}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(json.dumps(keys).encode()))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def tokens(self, customers: Sequence[UUID]) -> list[str]:
        """An access token for each customer, for a day: a run takes longer than the five minutes of real ones."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": int(time.time()) + 86_400,
            "token_use": "access",
            "scope": "openid orders:read orders:write",
            "client_id": "tandem-mobile",
        }
        return [self._sign(claims | {"sub": str(customer), "jti": uuid4().hex}) for customer in customers]

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "1"})

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _answering(body: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler
