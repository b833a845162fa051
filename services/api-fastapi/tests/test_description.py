"""The API's description, its documentation pages and its declared metrics."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings
from tandem_api.application import create_app
from tandem_runtime.metrics_contract import undeclared

METRICS = Path(__file__).parents[3] / "observability" / "metrics.yaml"


@pytest.fixture
def document(provider: IdentityProvider) -> dict[str, Any]:
    return create_app(api_settings("postgresql://nobody@127.0.0.1:9/nowhere", provider)).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_is_named_tagged_and_declares_its_problems(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["tags"], name
        assert {"422", "500", "503"} <= operation["responses"].keys(), name
        if "security" in operation:
            assert {"401", "403"} <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"].keys() == {"application/problem+json"}, name


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    for name in set(re.findall(r"#/components/schemas/(\w+)", str(document))):
        assert name in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_clients_are_sent_to_the_identity_provider(document: dict[str, Any], provider: IdentityProvider) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {"customer", "partner"}
    assert schemes["partner"]["flows"]["clientCredentials"]["tokenUrl"] == f"{provider.url}/identity/o/api/token"
    flow = schemes["customer"]["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == f"{provider.url}/identity/o/authorize"
    assert flow["tokenUrl"] == f"{provider.url}/identity/o/api/token"
    scopes = {name: operation.get("security") for name, operation in operations(document)}
    assert scopes["POST /v1/orders"] == [{"customer": ["orders:write"]}]
    assert scopes["GET /v1/orders"] == [{"customer": ["orders:read"]}]
    assert scopes["GET /v1/webhooks/endpoints"] == [{"partner": ["webhooks:manage"]}]
    assert scopes["GET /v1/products"] is None


def test_requests_are_closed(document: dict[str, Any]) -> None:
    for name in (
        "OrderRequest",
        "Basket",
        "LineRequest",
        "CancellationRequest",
        "PostalAddress",
        "ProfileChange",
        "EndpointRequest",
        "EndpointChange",
    ):
        assert document["components"]["schemas"][name]["additionalProperties"] is False


async def test_the_documentation_works_without_the_internet(api: Api) -> None:
    page = (await api.get("/docs")).text
    assert "usePkceWithAuthorizationCodeGrant" in page
    assert "tandem-api-docs" in page
    assert not re.findall(r"https?://", page)
    for asset in re.findall(r'(?:src|href)="(/docs/assets/[^"]+)"', page):
        assert (await api.get(asset)).status_code == 200
    assert (await api.get("/docs/oauth2-redirect")).status_code == 200
    assert (await api.get("/openapi.json")).json()["info"]["title"] == "Tandem API"


def test_the_metrics_are_declared() -> None:
    assert undeclared(prometheus_client.REGISTRY, METRICS) == []
