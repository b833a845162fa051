"""The customer that no person is, and what it orders, for the worker's probe. The caller owns the transaction."""

from typing import NamedTuple

from allauth.idp.oidc.models import Client

from tandem_admin.catalog.models import Category, Product
from tandem_admin.catalog.services import save_category, save_product
from tandem_admin.identity.clients import save_client_of
from tandem_admin.inventory.services import receive
from tandem_admin.users.models import User
from tandem_admin.users.services import end_sessions, register

CLIENT_ID = "tandem-probe"
# A name that nobody will ever have (RFC 2606): no mail is sent there, and a client may act for this customer.
EMAIL = "probe@tandem.invalid"
SCOPES = ["orders:read", "orders:write"]
# Each order takes one piece and gives it back; more than one is away only when orders do not come to an end.
PIECES = 20


class Article(NamedTuple):
    """What the probe orders. Everybody sees it in the store, so it says what it is."""

    sku: str = "PROBE"
    price: int = 100
    currency: str = "EUR"
    name: str = "Test article, not for sale"
    description: str = (
        "A machine orders this every minute and cancels the order, to see whether the store works. It is never shipped."
    )


def save_probe(secret: str, article: Article) -> Client:
    """Create what lacks: customer, article with its pieces, client. The client's secret becomes this one."""
    customer = User.objects.filter(email=EMAIL).first()
    if customer is None:
        customer = User(email=EMAIL, name="Probe")
        customer.set_unusable_password()
        register(customer)
    elif customer.has_usable_password():  # of whoever had the account before
        customer.set_unusable_password()
        customer.save(update_fields=["password"])
        end_sessions(customer)
    if not Product.objects.filter(sku=article.sku).exists():
        _stock_up(article)
    return save_client_of(customer, CLIENT_ID, name="Probe", scopes=SCOPES, secret=secret)


def _stock_up(article: Article) -> None:
    category = Category.objects.filter(slug="probe").first()
    if category is None:
        category = Category(slug="probe", name="Not for sale", position=9999)
        save_category(category)
    product = Product(
        sku=article.sku,
        name=article.name,
        description=article.description,
        category=category,
        price_amount=article.price,
        price_currency=article.currency,
        status=Product.Status.PUBLISHED,
    )
    save_product(product)
    receive(product, PIECES, "For the probe, which gives each piece back")
