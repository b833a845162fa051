"""What kinds of requests are counted apart."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from tandem_runtime.http_telemetry import RouteTemplate

EXTENSION = "x-rate-limit"
_READING = ("get", "head")


class RouteClass(StrEnum):
    """`catalogue` is what needs no token; `reads` and `writes` are a customer's or partner's own."""

    CATALOGUE = "catalogue"
    READS = "reads"
    WRITES = "writes"
    STREAMS = "streams"


def counted_as(route_class: RouteClass) -> dict[str, Any]:
    """For a route's `openapi_extra`, where `class_of` does not tell."""
    return {EXTENSION: route_class.value}


def class_of(method: str, operation: Mapping[str, Any]) -> RouteClass:
    """The class of an operation of the API's description."""
    if EXTENSION in operation:
        return RouteClass(operation[EXTENSION])
    if method.lower() not in _READING:
        return RouteClass.WRITES
    return RouteClass.READS if operation.get("security") else RouteClass.CATALOGUE


def route_classes(
    describe: Callable[[], Mapping[str, Any]], template: RouteTemplate
) -> Callable[[Request], RouteClass]:
    """Tell requests' classes by the API's own description, so that a new route has one without being listed."""
    known: dict[tuple[str, str], RouteClass] = {}

    def route_class(request: Request) -> RouteClass:
        if not known:
            for path, operations in describe()["paths"].items():
                for method, operation in operations.items():
                    known[method.upper(), path] = class_of(method, operation)
        described = known.get((request.method, template(request.scope) or ""))
        return described or class_of(request.method, {})

    return route_class
