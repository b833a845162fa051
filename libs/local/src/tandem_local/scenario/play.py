"""The scenario: staff publish, a customer orders and follows, staff ship."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Protocol

import httpx

from tandem_local.credentials import Credentials
from tandem_local.logins import CUSTOMER, STAFF, Logins
from tandem_local.progress import Progress
from tandem_local.scenario import customer as app
from tandem_local.scenario.browser import Browser, UnexpectedPageError
from tandem_local.scenario.customer import Customer, Entry
from tandem_local.scenario.staff import Staff
from tandem_local.spans import Span, SpanStore
from tandem_local.waterfall import waterfall

# Spans leave their processes in batches; the last one of a trace may take a moment.
TRACE_SECONDS = 5.0
FAILURES = ("rejected", "cancelled")
STATEMENTS = (";", "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "SET", "SHOW", "SAVEPOINT", "RELEASE", "ROLLBACK")


class ScenarioFailedError(Exception):
    """A step did not do what it shows; the message says which, and what came instead."""


class Scene(Protocol):
    """A running system, wherever it runs: its public interfaces, and logins."""

    @property
    def admin_url(self) -> str: ...
    @property
    def api_url(self) -> str: ...
    @property
    def credentials(self) -> Credentials | Logins: ...
    @property
    def spans(self) -> SpanStore | None:
        """What its processes send; none when they send it elsewhere."""

    @property
    def progress(self) -> Progress: ...


def play(system: Scene) -> None:
    """Carry one order through `system`, telling each step; ScenarioFailedError when one fails."""
    try:
        with ExitStack() as parts:
            _Scenario(system, parts).play()
    except (UnexpectedPageError, httpx.HTTPError) as error:
        raise ScenarioFailedError(f"the scenario failed: {_explained(error)}") from error


class _Scenario:
    def __init__(self, system: Scene, parts: ExitStack) -> None:
        self._system = system
        self._parts = parts
        self._step = system.progress.step
        self._say = system.progress.say

    def play(self) -> None:
        staff, sku = self._publish()
        with self._step("customer", "logs in at Django (authorization code with PKCE)"):
            token = app.log_in(self._system.admin_url, CUSTOMER, self._system.credentials.customer_password)
        customer = self._parts.enter_context(Customer(self._system.api_url, token))
        with self._step("customer", "places an order at the API"):
            order_id, trace_id = customer.place_order({sku: 2})
        entries = self._parts.enter_context(customer.following(order_id))
        self._follow(entries, until="paid")
        self._say(f"[dim]{self._system.progress.elapsed:6.1f} s[/]  [green]the order is paid[/]")
        with self._step("staff", "see the order in the back office"):
            staff.sees_order(order_id, customer=CUSTOMER)
        with self._step("staff", "register its shipment"):
            staff.ship(order_id, carrier="DHL", tracking_number="JD014600006281234567")
        self._follow(entries, until="shipped")
        self._show_timeline(customer.order(order_id))
        if self._system.spans is not None:
            self._show_trace(self._system.spans, trace_id)

    def _publish(self) -> tuple[Staff, str]:
        """Staff publish a new product, and a visitor sees it; returns the member of staff and the product's SKU."""
        sku = f"NOTE-{secrets.token_hex(3).upper()}"
        staff = Staff(self._parts.enter_context(Browser(self._system.admin_url)))
        visitor = self._parts.enter_context(Customer(self._system.api_url))
        with self._step("staff", "log in to the back office"):
            staff.log_in(STAFF, self._system.credentials.staff_password)
        with self._step("staff", f"draft the product {sku} and book 25 pieces in"):
            page = staff.draft_product(
                sku=sku,
                name="Linen notebook",
                description="Dotted paper between covers of natural linen, 120 pages.",
                category="Desk & paper",
                price="14.50",
                pieces=25,
            )
        if visitor.sees(sku):
            raise UnexpectedPageError(f"the catalogue shows {sku}, which is a draft")
        with self._step("staff", "publish it"):
            staff.publish(page)
        with self._step("API", "shows it, since its event arrived"):
            visitor.wait_for(sku)
        return staff, sku

    def _follow(self, entries: Iterator[Entry], *, until: str) -> None:
        for entry in entries:
            self._say(f"          [dim]live[/]             {entry.type}{f' → {entry.state}' if entry.state else ''}")
            if entry.state in FAILURES:
                raise UnexpectedPageError(f"the order is {entry.state}")
            if entry.state == until:
                return
        raise UnexpectedPageError(f"the live stream ended before the order was {until}")

    def _show_timeline(self, order: dict[str, Any]) -> None:
        self._say(f"\n[bold]Order {order['id']}[/], as the customer sees it")
        began: datetime | None = None
        for entry in order["timeline"]:
            at = datetime.fromisoformat(entry["occurred_at"])
            began = began or at
            after = (at - began).total_seconds()
            self._say(f"  {at:%H:%M:%S}  {f'+{after:.2f} s':>9}  {entry['type']:<34} {entry['state'] or ''}")

    def _show_trace(self, store: SpanStore, trace_id: str) -> None:
        spans = self._whole_trace(store, trace_id)
        processes = {span.service for span in spans}
        self._say(f"\n[bold]Trace {trace_id}[/]: {len(spans)} spans of {len(processes)} processes, from the request on")
        self._say(waterfall([span for span in spans if not _is_query(span)]))
        self._say(f"  and {sum(map(_is_query, spans))} database statements, not shown\n")

    def _whole_trace(self, store: SpanStore, trace_id: str) -> list[Span]:
        """The trace once the last event's handling has arrived and nothing more comes."""
        deadline = time.monotonic() + TRACE_SECONDS
        spans: list[Span] = []
        while time.monotonic() < deadline:
            time.sleep(0.5)
            before, spans = len(spans), store.trace(trace_id)
            if len(spans) == before and any(span.name == "process order.paid.v1" for span in spans):
                return spans
        raise UnexpectedPageError(f"trace {trace_id} has not arrived whole: {len(spans)} spans")


def _is_query(span: Span) -> bool:
    """Statements, and the empty one by which a pool asks whether a connection still lives."""
    return span.kind == "client" and span.name.partition(" ")[0].upper() in STATEMENTS


def _explained(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{error} {error.response.text[:300]}"
    return str(error) or repr(error)
