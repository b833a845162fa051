"""The whole system, and Debian's Chromium in front of it. `make browser` installs what this needs beside Chromium."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from threading import Event

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from rich.console import Console
from tandem_local.logins import CUSTOMER, STAFF
from tandem_local.progress import Progress
from tandem_local.scenario.customer import Customer, log_in
from tandem_local.services import NO_RATE_LIMITS
from tandem_local.system import System, running_system

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
FORTNIGHT, MOST_PIECES = 14, 99
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its parents let the account of Postgres pass."""
    folder = tmp_path_factory.mktemp("browser")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    return folder / "home"


@pytest.fixture(scope="session")
def system(home: Path) -> Iterator[System]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in NO_RATE_LIMITS.items():
            environment.setenv(name, value)
        with running_system(home, Progress(Console(file=io.StringIO())), stop=Event()) as running:
            yield running


@pytest.fixture(scope="session")
def database(system: System) -> Iterator[psycopg.Connection]:
    """As the worker: the one process that keeps dead letters."""
    url = system.wiring.settings("tandem_worker")["TANDEM_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "there is no Chromium: apt-get install chromium"
    # Chromium's own sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def staff(chromium: Browser, system: System) -> Iterator[Page]:
    """A page at which a member of staff is logged in; an error in the console or a broken resource fails the test."""
    context = chromium.new_context(base_url=system.admin_url, viewport=DESKTOP)
    page = context.new_page()
    problems = _problems_of(context)
    page.goto("/admin/")
    page.locator("[name=login]").fill(STAFF)
    page.locator("[name=password]").fill(system.credentials.staff_password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def phone(chromium: Browser, system: System) -> Iterator[Page]:
    context = chromium.new_context(base_url=system.admin_url, viewport=PHONE, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def customer(system: System) -> Iterator[Customer]:
    token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
    with Customer(system.api_url, token) as logged_in:
        yield logged_in


@pytest.fixture(scope="session")
def any_sku(system: System) -> str:
    """Something that is for sale."""
    products = httpx.get(f"{system.api_url}/v1/products").json()["items"]
    return str(products[0]["sku"])


@pytest.fixture(scope="session")
def fortnight(customer: Customer, system: System) -> None:
    """Two weeks of orders, more from day to day; the time they were placed at is all that is made up."""
    skus = [product["sku"] for product in httpx.get(f"{system.api_url}/v1/products").json()["items"]]
    random = Random(14)
    per_day = [1 + day // 4 for day in range(FORTNIGHT)]
    orders = [(_some_order(customer, skus, random), day) for day, count in enumerate(per_day) for _ in range(count)]
    for order_id, _ in orders:
        with customer.following(order_id) as entries:
            assert any(entry.state in ("paid", "rejected") for entry in entries)
    url = system.wiring.settings("tandem_owner")["TANDEM_DATABASE_URL"]
    with psycopg.connect(url) as owner:
        owner.cursor().executemany(
            "UPDATE orders_order SET placed_at = placed_at - make_interval(days => %s) WHERE id = %s",
            [(FORTNIGHT - 1 - day, order_id) for order_id, day in orders],
        )


def _some_order(customer: Customer, skus: list[str], random: Random) -> str:
    """Of two products; a tenth asks for more pieces than there are."""
    quantity = MOST_PIECES if random.random() < 0.1 else 1
    order_id, _ = customer.place_order(dict.fromkeys(random.sample(skus, 2), quantity))
    return order_id


@pytest.fixture
def look() -> Callable[[Page, str], None]:
    """Checks a page as axe-core sees it, and keeps a picture of it where TANDEM_SCREENSHOTS says."""

    def check(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        if folder := os.environ.get("TANDEM_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}.png")
        found = Axe().run(page).response["violations"]
        bad = [violation for violation in found if violation["impact"] in SERIOUS]
        told = [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in bad for node in each["nodes"]]
        assert not told, "\n".join(told)

    return check


def _problems_of(context: BrowserContext) -> list[str]:
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("requestfailed", lambda request: problems.extend(_failure_of(request)))
    return problems


def _failure_of(request: Request) -> list[str]:
    """What the page left behind is aborted; a bad answer is an error in the console."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.url}: {request.failure}"]
