"""What staff do in the back office."""

import re

from tandem_local.scenario.browser import Browser, UnexpectedPageError

ERROR = re.compile(r'<ul class="errorlist[^>]*>(.*?)</ul>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")


class Staff:
    """A member of staff at the browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def log_in(self, email: str, password: str) -> None:
        self._browser.open("/admin/login/?next=/admin/")
        self._browser.submit(login=email, password=password)
        if "/login" in self._browser.url:
            raise UnexpectedPageError(f"the back office does not let {email} in")

    def draft_product(self, *, sku: str, name: str, description: str, category: str, price: str, pieces: int) -> str:
        """Fill in the form for a new product and book its pieces in; returns the address of its page."""
        self._browser.open("/admin/catalog/product/add/")
        self._save(
            sku=sku,
            name=name,
            description=description,
            category=self._browser.choice(category, app="catalog", model="product", field="category"),
            price=price,
            price_currency="EUR",
            status="draft",
        )
        self._browser.open(f"/admin/inventory/stock/{sku}/receive/")
        self._save(quantity=str(pieces), note="for the demonstration")
        self._browser.open(f"/admin/catalog/product/?q={sku}")
        found = re.search(r"/admin/catalog/product/([0-9a-f-]{36})/change/", self._browser.page)
        if found is None:
            raise UnexpectedPageError(f"the list of products does not show {sku}")
        return found.group(0)

    def publish(self, product_page: str) -> None:
        self._browser.open(product_page)
        self._save(status="published")

    def sees_order(self, order_id: str, *, customer: str) -> None:
        """Open the order's page; raises UnexpectedPageError when it does not show order and customer."""
        self._browser.open(f"/admin/orders/order/{order_id}/change/")
        missing = [text for text in (order_id, customer) if text not in self._browser.page]
        if missing:
            raise UnexpectedPageError(f"the page of the order does not show {', '.join(missing)}")

    def ship(self, order_id: str, *, carrier: str, tracking_number: str) -> None:
        self._browser.open(f"/admin/orders/order/{order_id}/ship/")
        self._save(carrier=carrier, tracking_number=tracking_number)

    def _save(self, **values: str) -> None:
        self._browser.submit(**values)
        errors = [TAG.sub(" ", match).strip() for match in ERROR.findall(self._browser.page)]
        if errors:
            raise UnexpectedPageError(f"{self._browser.url} says: {'; '.join(errors)}")
