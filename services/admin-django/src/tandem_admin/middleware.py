"""What is observed of every request (its trace, its duration, one line in the log), and which host answers it."""

import time
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotFound
from opentelemetry import context, trace
from tandem_runtime.http_spans import METHODS
from tandem_runtime.http_telemetry import REQUEST_DURATION
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import context_from

from tandem_admin.settings import SETTINGS

BACK_OFFICE, FOR_APPLICATIONS = "/admin/", ("/identity/", "/.well-known/")
KEYS = "/.well-known/jwks.json"
STATIC_ROUTE = "/static/*"
ORDER_PAGES = "admin/orders/order/"

log = structlog.get_logger("tandem_admin.access")
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def observe_requests(get_response: GetResponse) -> GetResponse:
    def observe(request: HttpRequest) -> HttpResponseBase:
        token = None
        if not trace.get_current_span().get_span_context().is_valid:
            # Without the SDK nobody reads the headers; events and log lines shall carry the trace all the same.
            token = context.attach(context_from(request.headers))
        started = time.perf_counter()
        try:
            response = get_response(request)
            _record(request, response.status_code, time.perf_counter() - started)
            return response
        finally:
            if token is not None:
                context.detach(token)

    return observe


def separate_hosts(get_response: GetResponse) -> GetResponse:
    """Keep the back office to its own host, and what applications ask for to the other, where there are two.

    At the host that is there for the keys, they alone are.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        host = request.get_host().partition(":")[0]
        if host == SETTINGS.keys_host != SETTINGS.admin_host:
            return get_response(request) if request.path_info == KEYS else HttpResponseNotFound()
        foreign = (request.path_info.startswith(BACK_OFFICE) and host != SETTINGS.staff_host) or (
            request.path_info.startswith(FOR_APPLICATIONS) and host != SETTINGS.admin_host
        )
        return HttpResponseNotFound() if SETTINGS.staff_url and foreign else get_response(request)

    return answer


def limit_bodies(get_response: GetResponse) -> GetResponse:
    """Refuse what is too long before it is read; gunicorn reads no more than was announced."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        announced = request.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > SETTINGS.maximum_body_bytes:
            return HttpResponse("Too long.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, content_type="text/plain")
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            return HttpResponse(status=HTTPStatus.LENGTH_REQUIRED)
        return get_response(request)

    return answer


def route_of(request: HttpRequest) -> str:
    """The route's template, such as /admin/orders/order/<uuid:pk>/ship/: a path would be a time series per order."""
    if request.resolver_match is not None:
        return "/" + request.resolver_match.route
    return STATIC_ROUTE if request.path_info.startswith(settings.STATIC_URL) else "unmatched"


def _order_id(request: HttpRequest) -> str | None:
    """The order whose page it is."""
    match = request.resolver_match
    if match is None or not match.route.startswith(ORDER_PAGES):
        return None
    try:
        return str(UUID(str(match.kwargs.get("object_id") or match.kwargs.get("pk"))))
    except ValueError:
        return None


def _record(request: HttpRequest, status: int, seconds: float) -> None:
    method = request.method if request.method in METHODS else "OTHER"
    route = route_of(request)
    REQUEST_DURATION.labels(method, route, str(status)).observe(seconds, exemplar=exemplar())
    if route == STATIC_ROUTE and status < 400:  # noqa: PLR2004 - no error
        return
    log.info(
        "request",
        method=method,
        # Without the query: it may carry an authorization code.
        path=request.path,
        route=route,
        status=status,
        seconds=round(seconds, 6),
        order_id=_order_id(request),
        client=request.META.get("REMOTE_ADDR", ""),
    )
