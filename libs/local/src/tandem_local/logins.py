"""Whom `tandem-manage load_demo` sets up."""

from dataclasses import dataclass

STAFF = "staff@tandem.example"
CUSTOMER = "ada@tandem.example"


@dataclass(frozen=True)
class Logins:
    """The passwords of the two."""

    staff_password: str
    customer_password: str
