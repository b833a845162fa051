"""Django on a real database, in the process's own role: what the grants forbid fails here as it would in production."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import LazySettings
from django.db import connections, transaction
from django.test import Client
from psycopg.conninfo import conninfo_to_dict
from pytest_django import DjangoDbBlocker
from tandem_admin.catalog.models import Category, Product
from tandem_admin.catalog.services import save_product
from tandem_admin.users.models import User
from tandem_admin.users.services import register
from tandem_local.databases import Database, copied_database

from .dead_letters import Die, write_letters
from .objects import OneOfEach
from .partners import Partners
from .store import Store

PASSWORD = "correct horse battery"


class _UndoError(Exception):
    pass


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction that does not come to its end."""
    with suppress(_UndoError), transaction.atomic():
        yield
        raise _UndoError


@pytest.fixture(scope="session")
def admin_database(postgres_server: str, template_database: str) -> Iterator[Database]:
    """The database that Django's tests share; each test's transaction is rolled back."""
    with copied_database(postgres_server, template_database) as copied:
        yield copied


@pytest.fixture(scope="session")
def django_db_setup(admin_database: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of pytest-django's own, which would make a database owned by whoever runs the tests."""
    part = conninfo_to_dict(admin_database.url("tandem_admin"))
    connections["default"].settings_dict.update(
        NAME=part["dbname"], USER=part["user"], PASSWORD=part["password"], HOST=part["host"], PORT=part["port"]
    )
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def signing_key(settings: LazySettings, private_key: str) -> str:
    settings.IDP_OIDC_PRIVATE_KEYS = [{"pem": private_key}]
    return private_key


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(email: str = "ada@example.com", **fields: object) -> User:
        user = User(email=email, name="Ada Lovelace", **fields)
        user.set_password(PASSWORD)
        register(user)
        return user

    return make


@pytest.fixture
def superuser(make_user: Callable[..., User]) -> User:
    return make_user("chief@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, superuser: User) -> Client:
    """A browser in which a superuser is logged in."""
    client.force_login(superuser)
    return client


@pytest.fixture
def make_product(db: None) -> Callable[..., Product]:
    def make(sku: str = "MUG", status: str = "draft", **fields: object) -> Product:
        category, _ = Category.objects.get_or_create(slug="kitchen", defaults={"name": "Kitchen"})
        values = {"name": "Mug", "price_amount": 1490, "price_currency": "EUR", "category": category} | fields
        product = Product(sku=sku, status=status, **values)
        save_product(product)
        return product

    return make


@pytest.fixture(scope="session")
def store(admin_database: Database) -> Iterator[Store]:
    """The API and the worker at the shared database. What they write is committed, and stays for the run."""
    with (
        psycopg.connect(admin_database.url("tandem_api"), autocommit=True) as api,
        psycopg.connect(admin_database.url("tandem_worker"), autocommit=True) as worker,
        psycopg.connect(admin_database.url("tandem_notifications"), autocommit=True) as notifications,
    ):
        yield Store(api, worker, notifications)


@pytest.fixture
def die(store: Store) -> Die:
    """Writes dead letters: `die(v1="dead/poison", v2="queued/behind")`."""
    return partial(write_letters, store)


@pytest.fixture(scope="session")
def customer_id(admin_database: Database) -> UUID:
    """A customer whom other connections see too."""
    return written_customer(admin_database, "grace@example.com")


@pytest.fixture
def own_customer_id(admin_database: Database) -> UUID:
    """The same, who is no other test's."""
    return written_customer(admin_database, f"{uuid4()}@example.com")


def written_customer(database: Database, email: str) -> UUID:
    with psycopg.connect(database.url("tandem_admin")) as connection:
        row = connection.execute(
            "INSERT INTO users_user (email, name, password, is_superuser)"
            " VALUES (%s, 'Grace Hopper', '!', false) RETURNING id",
            [email],
        ).fetchone()
        assert row
        return UUID(str(row[0]))


@pytest.fixture
def one_of_each(
    make_product: Callable[..., Product],
    make_user: Callable[..., User],
    store: Store,
    customer_id: UUID,
    die: Die,
    admin_database: Database,
) -> OneOfEach:
    return OneOfEach(make_product, make_user, store, customer_id, die, Partners(admin_database))
