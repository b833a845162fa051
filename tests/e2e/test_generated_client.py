"""A client that others would generate from the committed description, used as they would use it."""

import importlib
import io
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from rich.console import Console
from tandem_local.logins import CUSTOMER
from tandem_local.progress import Progress
from tandem_local.scenario.customer import log_in
from tandem_local.system import System, running_system

DOCUMENT = Path(__file__).parents[2] / "services/api-fastapi/openapi.json"
GENERATOR = Path(sys.executable).with_name("openapi-python-client")
PACKAGE = "tandem_client"


Module = Callable[[str], ModuleType]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    """The generated package: `client("api.orders.place_order")` is one of its modules, `client("")` itself."""
    config = tmp_path / "config.json"
    config.write_text('{"post_hooks": []}')
    arguments = ["--path", DOCUMENT, "--meta", "none", "--output-path", tmp_path / PACKAGE, "--config", config]
    generated = subprocess.run(
        [GENERATOR, "generate", *arguments, "--fail-on-warning"], capture_output=True, text=True, check=False
    )
    assert generated.returncode == 0, generated.stdout + generated.stderr
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}".rstrip("."))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("generated-client")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)  # the account of Postgres passes
    with running_system(folder / "home", Progress(Console(file=io.StringIO())), stop=Event()) as running:
        yield running


def test_a_generated_client_logs_in_orders_and_reads_its_order(client: Module, system: System) -> None:
    token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
    with (
        client("").Client(base_url=system.api_url, raise_on_unexpected_status=True) as anybody,
        client("").AuthenticatedClient(base_url=system.api_url, token=token) as customer,
    ):
        page = client("api.catalogue.list_products").sync(client=anybody, limit=2)
        sku = page.items[0].sku
        product = client("api.catalogue.get_product").sync(sku, client=anybody)
        assert product.price.amount == page.items[0].price.amount
        assert client("api.customers.get_me").sync(client=customer).email == CUSTOMER

        models, place_order = client("models"), client("api.orders.place_order")
        body = models.OrderRequest(lines=[models.LineRequest(sku=sku, quantity=2)], payment_token="tok_visa")
        key = str(uuid.uuid4())
        first, again = [place_order.sync_detailed(client=customer, body=body, idempotency_key=key) for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.parsed.id == again.parsed.id
        assert first.parsed.total.amount == 2 * product.price.amount

        order = client("api.orders.get_order").sync(first.parsed.id, client=customer)
        assert order.lines[0].sku == sku
        assert order.timeline[0].type_ == "order.placed.v1"
        assert client("api.orders.list_orders").sync(client=customer).items[0].id == order.id

        body.lines[0].sku = "none"
        problem = place_order.sync(client=customer, body=body, idempotency_key=str(uuid.uuid4()))
        assert problem.type_.endswith("/problems/product-unavailable")
        assert problem.errors[0].pointer == "#/lines/0/sku"
