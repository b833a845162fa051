"""Staff in the back office, who ship and refund."""

import time
from collections.abc import Mapping
from threading import Lock

import httpx
from tandem_local.logins import STAFF
from tandem_local.scenario.browser import Browser, UnexpectedPageError
from tandem_local.scenario.staff import Staff

from chaos.load.history import Try

ANSWERS = {
    "ship": {"carrier": "DHL", "tracking_number": "JD014600006281234567"},
    "refund": {"reason": "chaos"},
}
REFUSED = 409


class StaffDesk:
    """One member of staff with a browser: one thing after the other."""

    def __init__(self, admin_url: str, password: str) -> None:
        self._admin_url = admin_url
        self._password = password
        self._alone = Lock()
        self._browser: Browser | None = None

    def ask(self, order_id: str, act: str, **answers: str) -> Try:
        """Fill in the form of `act` for the order, with `answers` beside the usual ones, and send it."""
        with self._alone:
            at, began = time.time(), time.monotonic()
            status, error = self._try(order_id, act, answers)
            return Try(at, time.monotonic() - began, status, error=error)

    def _try(self, order_id: str, act: str, answers: Mapping[str, str]) -> tuple[int | None, str]:
        """The status, or none when it may have worked."""
        try:
            browser = self._browser = self._browser or self._logged_in()
            browser.open(f"/admin/orders/order/{order_id}/{act}/")
        except (httpx.HTTPError, UnexpectedPageError) as error:
            self._browser = None
            return REFUSED, f"nothing was sent: {error!r}"
        try:
            browser.submit(**ANSWERS[act], **answers)
        except UnexpectedPageError as error:
            refused = "no form with" in str(error) or f"answered {REFUSED}" in str(error)
            return (REFUSED if refused else None), str(error)
        except httpx.HTTPError as error:
            self._browser = None
            return None, repr(error)
        if browser.url.endswith(f"/{act}/"):
            return REFUSED, "the form is shown again, with its errors"
        return 200, ""

    def _logged_in(self) -> Browser:
        browser = Browser(self._admin_url)
        Staff(browser).log_in(STAFF, self._password)
        return browser
