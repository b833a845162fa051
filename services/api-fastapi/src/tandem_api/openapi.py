"""The API's description: OpenAPI 3.1, with what depends on settings filled in."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tandem_api.identity.partners import PARTNER_SCHEME_NAME
from tandem_api.identity.principal import SCHEME_NAME
from tandem_api.identity.scopes import PARTNER_SCOPES, SCOPES
from tandem_api.problems.schemas import Problem
from tandem_api.problems.types import PROBLEM_TYPES
from tandem_api.rate_limits.classes import EXTENSION, class_of
from tandem_api.settings import Settings

# Every slug that ends a problem's `type`, with its status.
PROBLEMS = "x-problem-types"
_METHODS = ("get", "head", "post", "put", "patch", "delete")
# What answers have whatever the operation, by the first digits of their status.
_HEADERS: dict[str, dict[str, Any]] = {
    "RateLimit": {
        "description": "what is left of the client's quota (`r`), and the seconds until it is renewed (`t`)",
        "schema": {"type": "string"},
        "example": '"catalogue";r=599;t=60',
    },
    "RateLimit-Policy": {
        "description": "the quota (`q`) of a class of operations, and its time in seconds (`w`)",
        "schema": {"type": "string"},
        "example": '"catalogue";q=600;w=60',
    },
    "Retry-After": {"description": "seconds", "schema": {"type": "integer"}, "example": 2},
}
_HEADERS_BY_STATUS = {
    "2": ("RateLimit", "RateLimit-Policy"),
    "429": ("RateLimit", "RateLimit-Policy", "Retry-After"),
    "503": ("Retry-After",),
}
DESCRIPTION = """The public API of the store: catalogue, orders, and an order's life as it happens.

**Errors** are [problem details](/problems) with a stable `type`. **POST** needs an `Idempotency-Key`: repeat a request
with the same key and it happens once. **Lists** are read page by page with `limit` and `cursor`. **Money** is an
integer in the currency's minor unit. Times are UTC.
"""
TAGS = [
    {"name": "catalogue", "description": "What the store sells. Public, and cacheable by ETag."},
    {"name": "orders", "description": "Place, see, follow and cancel orders. Customers see only their own."},
    {"name": "customers", "description": "Who is calling: name and addresses."},
    {"name": "partners", "description": "For partners' servers, in their own name."},
    {"name": "webhooks", "description": "For partners: where to tell them of events, and what became of it."},
]


def describer(app: FastAPI, settings: Settings) -> Callable[[], dict[str, Any]]:
    """`app.openapi`: made at the first call, kept for all others."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    tags=TAGS,
                    servers=[{"url": settings.api_url}],
                ),
                settings,
            )
        return app.openapi_schema

    return describe


def _complete(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    document[PROBLEMS] = {problem.slug: int(problem.status) for problem in PROBLEM_TYPES.values()}
    components = document.setdefault("components", {})
    components["headers"] = _HEADERS
    for path in document["paths"].values():
        for method in path.keys() & _METHODS:
            _complete_operation(method, path[method])
    # The media type application/problem+json is out of reach of FastAPI's `responses={...: {"model": ...}}`.
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    components["securitySchemes"] = {
        SCHEME_NAME: {
            "type": "oauth2",
            "description": "Authorization code with PKCE (S256) for public clients.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{settings.admin_url}/identity/o/authorize",
                    "tokenUrl": f"{settings.admin_url}/identity/o/api/token",
                    "scopes": SCOPES,
                }
            },
        },
        PARTNER_SCHEME_NAME: {
            "type": "oauth2",
            "description": "Client credentials, for partners' servers.",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": f"{settings.admin_url}/identity/o/api/token",
                    "scopes": PARTNER_SCOPES,
                }
            },
        },
    }
    return document


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    operation[EXTENSION] = class_of(method, operation).value
    for status, answer in operation["responses"].items():
        for start, names in _HEADERS_BY_STATUS.items():
            if status.startswith(start):
                answer.setdefault("headers", {}).update(
                    {name: {"$ref": f"#/components/headers/{name}"} for name in names}
                )
