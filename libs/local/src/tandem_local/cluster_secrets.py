"""The Secrets that the charts' development values name, of the same credentials as without containers."""

import json
from typing import Any

from tandem_local.credentials import SUPERUSER, Credentials
from tandem_local.programs import OWNER, database_url
from tandem_local.services import DATABASE

# The Service of the chart dev-infra.
POSTGRES = "postgresql://postgres:5432"
# Read by those who look into the pod; none leaves it.
MAIL_URL = "file:///tmp/mails"


def secrets_manifest(credentials: Credentials) -> str:
    """A list of Secrets as JSON. Each process has its own, with what it needs and no more."""

    def url(role: str, database: str = DATABASE) -> str:
        return database_url(POSTGRES, role, credentials.role_passwords[role], database)

    def login(role: str) -> dict[str, str]:
        """For the chart dev-infra as a URL; for an operator, which makes the role, as it wants it."""
        return {"database-url": url(role), "username": role, "password": credentials.role_passwords[role]}

    django = {
        "secret-key": credentials.django_secret_key,
        "oidc-private-keys": json.dumps([{"pem": credentials.oidc_private_key}]),
        "mail-url": MAIL_URL,
    }
    payment = {"payment-api-key": credentials.payment_api_key}
    secrets = {
        "tandem-postgres": {"password": credentials.role_passwords[SUPERUSER]},
        "tandem-superuser": {
            "superuser-url": url(SUPERUSER, "postgres"),
            "role-passwords": json.dumps(credentials.role_passwords),
        },
        "tandem-owner": {**login(OWNER), **django},
        "tandem-admin": {**login("tandem_admin"), **django},
        "tandem-api": login("tandem_api"),
        "tandem-relay": login("tandem_relay"),
        "tandem-orders": {**login("tandem_worker"), **payment},
        "tandem-notifications": {**login("tandem_notifications"), "mail-url": MAIL_URL},
        "tandem-webhooks": login("tandem_webhooks"),
        "tandem-purge": login("tandem_purge"),
        "tandem-payment-sandbox": payment,
        "tandem-demo": {
            "staff-password": credentials.staff_password,
            "customer-password": credentials.customer_password,
        },
    }
    items = [_secret(name, content) for name, content in secrets.items()]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2) + "\n"


def _secret(name: str, content: dict[str, str]) -> dict[str, Any]:
    """One of them. A login is of the type and has the label by which CloudNativePG sees at once that it changed."""
    is_login = "username" in content
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"cnpg.io/reload": "true"} if is_login else {}},
        "type": "kubernetes.io/basic-auth" if is_login else "Opaque",
        "stringData": content,
    }
