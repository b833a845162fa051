"""Every kind of problem a client can meet: a stable slug, its status, and what to do about it."""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class ProblemType:
    """`slug` is part of the URI that programs compare; `meaning` is the text of that URI's page."""

    slug: str
    status: int
    title: str
    meaning: str


INVALID_REQUEST = ProblemType(
    "invalid-request",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The request is not valid",
    "A field of the body, a parameter or a header is missing or does not have the form that the API's description "
    "gives. `errors` names each one. Correct the request; sending it again unchanged cannot succeed.",
)
BAD_REQUEST = ProblemType(
    "bad-request", HTTPStatus.BAD_REQUEST, "The request cannot be read", "The request is not well-formed HTTP or JSON."
)
UNAUTHENTICATED = ProblemType(
    "unauthenticated",
    HTTPStatus.UNAUTHORIZED,
    "A valid access token is needed",
    "The request carries no access token, or one that is expired, was not issued for this API, or cannot be verified. "
    "Get a new one from the identity provider and send it as `Authorization: Bearer <token>`.",
)
INSUFFICIENT_SCOPE = ProblemType(
    "insufficient-scope",
    HTTPStatus.FORBIDDEN,
    "The access token does not allow this",
    "The token is valid, but was issued without the scope that this operation needs. `WWW-Authenticate` names it; ask "
    "the user to authorize it.",
)
CUSTOMER_DEACTIVATED = ProblemType(
    "customer-deactivated",
    HTTPStatus.FORBIDDEN,
    "The customer's account is closed",
    "The account was deactivated. Neither this token nor a new one gives access; the customer may contact support.",
)
NOT_FOUND = ProblemType(
    "not-found",
    HTTPStatus.NOT_FOUND,
    "Not found",
    "There is nothing at this address, or nothing that the caller may see.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "The method is not allowed here",
    "The address exists, but does not support the request's method. `Allow` lists those that it does.",
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The body is too large",
    "The request's body is larger than the API accepts.",
)
IDEMPOTENCY_KEY_REQUIRED = ProblemType(
    "idempotency-key-required",
    HTTPStatus.BAD_REQUEST,
    "An idempotency key is needed",
    "This operation must not happen twice, so it needs the header `Idempotency-Key`: a new random value, such as a "
    "UUID, for each new intention, and the same value when the request is tried again.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The idempotency key belongs to another request",
    "The key was used before, with another operation or another body. Use a new key for a new request.",
)
REQUEST_IN_PROGRESS = ProblemType(
    "request-in-progress",
    HTTPStatus.CONFLICT,
    "The same request is being handled",
    "A request with this idempotency key is in progress. Try again after `Retry-After` seconds, with the same key, to "
    "get its answer.",
)
PRODUCT_UNAVAILABLE = ProblemType(
    "product-unavailable",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "A product cannot be ordered",
    "At least one line names a product that does not exist or is no longer sold. `errors` points at each such line.",
)
MIXED_CURRENCIES = ProblemType(
    "mixed-currencies",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "An order has one currency",
    "The lines' products are sold in different currencies. Place one order for each currency.",
)
ORDER_NOT_CANCELLABLE = ProblemType(
    "order-not-cancellable",
    HTTPStatus.CONFLICT,
    "The order can no longer be cancelled",
    "The order was shipped or has ended. A parcel that was sent can be returned instead.",
)
PRICE_CHANGED = ProblemType(
    "price-changed",
    HTTPStatus.CONFLICT,
    "The order costs another amount now",
    "A price changed since the customer saw it: the order's total is not `expected_total`. `total` is what it is now. "
    "Show that to the customer, and place the order anew when they agree.",
)
TOO_MANY_ADDRESSES = ProblemType(
    "too-many-addresses",
    HTTPStatus.CONFLICT,
    "There are too many addresses",
    "A customer can keep a limited number of addresses. Remove one, or change one that is no longer needed.",
)
TOO_MANY_STREAMS = ProblemType(
    "too-many-streams",
    HTTPStatus.TOO_MANY_REQUESTS,
    "There are too many open event streams",
    "A customer can follow a limited number of orders at once. Close a stream, or come back after `Retry-After` "
    "seconds.",
)
WEBHOOK_LIMIT = ProblemType(
    "webhook-limit",
    HTTPStatus.CONFLICT,
    "There are as many endpoints as a partner may have",
    "Delete an endpoint that is not in use any more, or let one endpoint receive more types of events.",
)
WEBHOOK_HELD = ProblemType(
    "webhook-held",
    HTTPStatus.CONFLICT,
    "The endpoint was disabled by the store",
    "`disabled_reason` says why. Staff can enable it again when that is settled.",
)
WEBHOOK_DISABLED = ProblemType(
    "webhook-disabled",
    HTTPStatus.CONFLICT,
    "The endpoint is disabled",
    "Nothing is sent to a disabled endpoint. `disabled_reason` says why it is; enable it first.",
)
RATE_LIMITED = ProblemType(
    "rate-limited",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many requests",
    "The client has used up its quota. `RateLimit` tells what is left (`r`) and the seconds until it is renewed (`t`), "
    "`RateLimit-Policy` how much there is (`q`) in which time (`w`). Wait for `Retry-After` seconds.",
)
UNAVAILABLE = ProblemType(
    "service-unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The service is not available for the moment",
    "Something the API depends on is away or overloaded. Try again after `Retry-After` seconds; requests with an "
    "idempotency key are safe to repeat with the same key.",
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The service failed",
    "The API failed at something that is not the caller's fault. Tell support the `request_id`.",
)

PROBLEM_TYPES = {problem.slug: problem for problem in list(globals().values()) if isinstance(problem, ProblemType)}

# For what the framework raises by status alone.
BY_STATUS = {
    problem.status: problem
    for problem in (
        BAD_REQUEST,
        UNAUTHENTICATED,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        BODY_TOO_LARGE,
        RATE_LIMITED,
        INTERNAL_ERROR,
        UNAVAILABLE,
    )
}
