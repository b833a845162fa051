"""Customers who look: at the catalogue, and at what became of their orders."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event, Thread
from typing import Any

import httpx

from chaos.load.shop import ANSWER_SECONDS, AT_ONCE, Shop
from chaos.load.store import CUSTOMERS, PRODUCTS, total

CATALOGUE = ("product", "page")
RECENT = 200


@dataclass(frozen=True, slots=True)
class Look:
    """A question and its answer: `wrong` says why it cannot be true; no status when none came."""

    kind: str
    at: float
    seconds: float
    status: int | None
    wrong: str = ""


@dataclass
class Readers:
    """`rate` questions a second, as they come; half of them about the catalogue."""

    shop: Shop
    rate: float
    seed: int
    looks: list[Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed + 2)
        self._over = Event()
        self._looking: set[asyncio.Task[None]] = set()
        self._thread = Thread(target=lambda: asyncio.run(self._look_around()), name="readers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    async def _look_around(self) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=self.shop.api_url, timeout=ANSWER_SECONDS, limits=limits) as client:
            while not self._over.is_set():
                await asyncio.sleep(self._random.expovariate(self.rate))
                task = asyncio.create_task(self._look(client))
                self._looking.add(task)
                task.add_done_callback(self._looking.discard)
            while self._looking:
                await asyncio.wait(self._looking)

    async def _look(self, client: httpx.AsyncClient) -> None:
        kind, path, who, check = self._question()
        headers = {"Authorization": f"Bearer {self.shop.token(who)}"} if who else {}
        at, began = time.time(), time.monotonic()
        try:
            answer = await client.get(path, headers=headers)
        except httpx.HTTPError as error:
            self.looks.append(Look(kind, at, time.monotonic() - began, None, repr(error)))
            return
        seconds = time.monotonic() - began
        wrong = check(answer.json()) if answer.is_success else ""
        self.looks.append(Look(kind, at, seconds, answer.status_code, wrong))

    def _question(self) -> tuple[str, str, str, Callable[[Any], str]]:
        """What kind, where, who asks, and what is wrong with an answer."""
        sku, price, _ = self._random.choice(PRODUCTS)
        placed = [one for one in self.shop.requests[-RECENT:] if one.kind == "order" and one.answers]
        match self._random.choice(("product", "page", "orders", "order" if placed else "product")):
            case "page":
                return "page", "/v1/products?limit=100", "", _all_products
            case "orders":
                return "orders", "/v1/orders?limit=20", self._random.choice(CUSTOMERS), _newest_first
            case "order":
                one = self._random.choice(placed)
                known = one.answers[0]["id"]
                return "order", f"/v1/orders/{known}", one.who, lambda body: _is_order(body, known, total(one.lines))
            case _:
                return "product", f"/v1/products/{sku}", "", lambda body: _is_product(body, sku, price)


def _is_product(body: Any, sku: str, price: int) -> str:
    found = (body["sku"], body["price"]["amount"])
    return "" if found == (sku, price) else f"{sku} for {price} is {found}"


def _all_products(body: Any) -> str:
    """The demo's products are for sale too."""
    found = {item["sku"]: item["price"]["amount"] for item in body["items"]}
    wrong = [sku for sku, price, _ in PRODUCTS if found.get(sku) != price]
    return f"of the products {found} wrong are {wrong}" if wrong else ""


def _newest_first(body: Any) -> str:
    ids = [uuid.UUID(item["id"]) for item in body["items"]]
    return "" if ids == sorted(ids, reverse=True) else f"the orders are {ids}"


def _is_order(body: Any, known: str, amount: int) -> str:
    found = (body["id"], body["total"]["amount"])
    return "" if found == (known, amount) else f"order {known} of {amount} is {found}"
