"""Setting the demo up through the services that staff use, so that its events are there too."""

from allauth.idp.oidc.models import Client

from tandem_admin.catalog.models import Category, Product
from tandem_admin.catalog.services import save_category, save_product
from tandem_admin.demo.store import CATEGORIES, PRODUCTS, DemoProduct
from tandem_admin.identity.clients import save_public_client
from tandem_admin.inventory.services import receive
from tandem_admin.users.models import User
from tandem_admin.users.services import change_password, register

# The app's own scheme, and a loopback address for a desktop or a script: any port (RFC 8252, section 7.3).
MOBILE_REDIRECTS = ["tandem://callback", "http://127.0.0.1:8765/callback"]


def load_store() -> int:
    """Create the categories and products that lack; returns how many products that were."""
    categories = {
        category.slug: Category.objects.filter(slug=category.slug).first()
        or _open_category(Category(slug=category.slug, name=category.name, position=position))
        for position, category in enumerate(CATEGORIES)
    }
    known = set(Product.objects.values_list("sku", flat=True))
    missing = [product for product in PRODUCTS if product.sku not in known]
    for product in missing:
        _stock_up(product, categories[product.category])
    return len(missing)


def _open_category(category: Category) -> Category:
    save_category(category)
    return category


def _stock_up(demo: DemoProduct, category: Category) -> None:
    product = Product(
        sku=demo.sku,
        name=demo.name,
        description=demo.description,
        category=category,
        price_amount=demo.price,
        price_currency="EUR",
        status=Product.Status.PUBLISHED,
    )
    save_product(product)
    receive(product, demo.pieces, "First delivery")


def load_user(email: str, name: str, password: str, *, is_staff: bool = False) -> User:
    """Create the user, or give the existing one this password."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, name=name, is_staff=is_staff, is_superuser=is_staff)
        user.set_password(password)
        register(user)
    elif not user.check_password(password):
        change_password(user, password)
    return user


def load_clients(api_url: str) -> list[Client]:
    """Create the applications or bring them up to date: the API's address changes from run to run."""
    return [
        save_public_client("tandem-mobile", name="Tandem mobile", redirect_uris=MOBILE_REDIRECTS, cors_origins=[]),
        save_public_client(
            "tandem-api-docs",
            name="Tandem API documentation",
            redirect_uris=[f"{api_url}/docs/oauth2-redirect"],
            cors_origins=[api_url],
        ),
    ]
