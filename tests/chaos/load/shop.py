"""Customers at the public API: many at once, each with a will of their own."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random
from threading import Event, Thread

import httpx
from tandem_local.logins import STAFF
from tandem_local.scenario.browser import UnexpectedPageError
from tandem_local.scenario.customer import log_in

from chaos.load.history import Request, Try
from chaos.load.staff import StaffDesk
from chaos.load.store import CUSTOMERS, NEVER_SETTLED, PRODUCTS, total

ANSWER_SECONDS = 12.0
AT_ONCE = 150
# Access tokens live for five minutes.
TOKEN_SECONDS = 200.0
TOKEN_RETRY_SECONDS = 15.0
RETRY_SECONDS = (0.5, 4.0)
STAFF_LOOKS = 4
IN_PROGRESS = "request-in-progress"
# Shares of orders.
IMPATIENT, TWICE, NONSENSE, CANCELLED, SHIPPED, REFUNDED, POISONED = 0.08, 0.05, 0.03, 0.12, 0.10, 0.08, 0.01
# Shares of refunds: of a part of the total, of the total in two parts; then of those, how many are cancelled after all.
IN_PART, IN_TWO, CANCELLED_AFTER = 0.4, 0.3, 0.3


@dataclass
class Shop:
    """The load: `rate` orders a second as they come, whatever the system does meanwhile (an open loop)."""

    api_url: str
    admin_url: str
    password: str
    desk: StaffDesk
    poison: Callable[[str], None]
    """Spoils the stream of an order."""
    seed: int
    rate: float
    requests: list[Request] = field(default_factory=list)
    turned_away: int = 0
    """Customers who did not even try, as too many were waiting."""

    def __post_init__(self) -> None:
        self._random = Random(self.seed + 1)
        self._closed, self._given_up = Event(), Event()
        self._tokens: dict[str, str] = {}
        self._visits: set[asyncio.Task[None]] = set()
        # One after the other anyway: waiting for each other in asyncio's own threads they would hold up the logins.
        self._desk_thread = ThreadPoolExecutor(1)
        self._thread = Thread(target=lambda: asyncio.run(self._open()), name="shop", daemon=True)

    def log_customers_in(self) -> None:
        for email in CUSTOMERS:
            self._tokens[email] = log_in(self.admin_url, email, self.password)

    def token(self, who: str) -> str:
        return self._tokens[who]

    def open(self) -> None:
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Let nobody in any more; wait for those who are there, for at most some `seconds`."""
        self._closed.set()
        self._thread.join(seconds)
        self._given_up.set()
        self._thread.join()

    async def _open(self) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=self.api_url, timeout=ANSWER_SECONDS, limits=limits) as client:
            tokens = asyncio.create_task(self._renew_tokens())
            while not self._closed.is_set():
                await asyncio.sleep(self._random.expovariate(self.rate))
                if len(self._visits) >= AT_ONCE:
                    self.turned_away += 1
                    continue
                visit = asyncio.create_task(self._visit(client, Random(self._random.random())))
                self._visits.add(visit)
                visit.add_done_callback(self._visits.discard)
            while self._visits:
                await asyncio.wait(self._visits, timeout=0.5)
            tokens.cancel()

    async def _renew_tokens(self) -> None:
        pause = TOKEN_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = TOKEN_SECONDS
            for email in CUSTOMERS:
                try:
                    self._tokens[email] = await asyncio.to_thread(log_in, self.admin_url, email, self.password)
                except (httpx.HTTPError, UnexpectedPageError):
                    pause = TOKEN_RETRY_SECONDS  # the old one is good for a while; then its owner is told 401

    async def _visit(self, client: httpx.AsyncClient, random: Random) -> None:
        request = Request("order", random.choice(CUSTOMERS), key=str(uuid.uuid4()), lines=_basket(random))
        body = {
            "lines": [{"sku": sku, "quantity": count} for sku, count in request.lines.items()],
            "payment_token": "with spaces" if random.random() < NONSENSE else "tok_visa",
        }
        tries = 1 if random.random() < IMPATIENT else 1000
        await self._ask(client, request, "/v1/orders", body, tries=tries)
        if request.outcome == "ok":
            if random.random() < TWICE:
                await self._ask(client, request, "/v1/orders", body, tries=1)
            await self._follow_up(client, request, random)

    async def _follow_up(self, client: httpx.AsyncClient, placed: Request, random: Random) -> None:
        order_id, draw = placed.answers[0]["id"], random.random()
        if random.random() < POISONED:
            await asyncio.sleep(random.uniform(0, 5))
            await asyncio.to_thread(self.poison, order_id)
        if draw < CANCELLED:
            await asyncio.sleep(random.uniform(0, 8))
            await self._cancel(client, placed.who, order_id)
        elif draw < CANCELLED + SHIPPED:
            await self._ask_staff(random, order_id, "ship")
        elif draw < CANCELLED + SHIPPED + REFUNDED:
            amounts = _parts(random, total(placed.lines))
            for amount in amounts:
                await self._ask_staff(random, order_id, "refund", amount=f"{amount / 100:.2f}")
            if random.random() < CANCELLED_AFTER:
                await self._cancel(client, placed.who, order_id)

    async def _cancel(self, client: httpx.AsyncClient, who: str, order_id: str) -> None:
        request = Request("cancellation", who, key=str(uuid.uuid4()), order_id=order_id)
        await self._ask(client, request, f"/v1/orders/{order_id}/cancellation", {"reason": "chaos"}, tries=1000)

    async def _ask_staff(self, random: Random, order_id: str, act: str, **answers: str) -> None:
        """Staff look in now and then, until the order is ready for it; nobody repeats what may have worked."""
        request = Request(act, STAFF, order_id=order_id)
        self.requests.append(request)
        while request.outcome == "failed" or not request.tries:
            await asyncio.sleep(random.uniform(5, 20))
            asked = partial(self.desk.ask, order_id, act, **answers)
            request.tries.append(await asyncio.get_running_loop().run_in_executor(self._desk_thread, asked))
            if self._closed.is_set() or len(request.tries) == STAFF_LOOKS:
                return

    async def _ask(
        self, client: httpx.AsyncClient, request: Request, path: str, body: Mapping[str, object], *, tries: int
    ) -> None:
        """Send it, and while nobody knows what became of it, again, with the same key."""
        if not request.tries:
            self.requests.append(request)
        pause = RETRY_SECONDS[0]
        while tries and not self._given_up.is_set():
            tries -= 1
            attempt = await self._send(client, request, path, body)
            request.tries.append(attempt)
            waits = attempt.status == 401 or IN_PROGRESS in attempt.error
            if attempt.outcome != "unknown" and not waits:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS[1])

    async def _send(self, client: httpx.AsyncClient, request: Request, path: str, body: Mapping[str, object]) -> Try:
        headers = {"Authorization": f"Bearer {self.token(request.who)}", "Idempotency-Key": request.key}
        at, began = time.time(), time.monotonic()
        try:
            response = await client.post(path, json=body, headers=headers)
            answer = response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError) as error:
            return Try(at, time.monotonic() - began, None, error=repr(error))
        refusal = "" if answer is not None else response.text[:500]
        return Try(at, time.monotonic() - began, response.status_code, answer, refusal)


def _basket(random: Random) -> dict[str, int]:
    while True:
        skus = random.sample([sku for sku, _, _ in PRODUCTS], random.choice((1, 1, 2, 3)))
        basket = {sku: random.randint(1, 3) for sku in skus}
        if total(basket) % 100 != NEVER_SETTLED:
            return basket


def _parts(random: Random, whole: int) -> list[int]:
    """What staff give back of the total, one after the other; what is left of it may be given back too."""
    draw = random.random()
    if draw >= IN_PART + IN_TWO:
        return [whole]
    part = random.choice(
        [amount for amount in range(1, whole) if NEVER_SETTLED not in (amount % 100, (whole - amount) % 100)]
    )
    return [part] if draw < IN_PART else [part, whole - part]
