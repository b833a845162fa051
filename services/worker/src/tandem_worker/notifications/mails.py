"""A mail as its reader gets it: the same in plain text and in HTML, from templates in files."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from tandem_contracts.money import format_money

from tandem_worker.notifications.repository import Claimed, Facts

SUBJECTS = {
    "order_confirmed": "Your order {number} is confirmed",
    "order_rejected": "Your order {number} could not be accepted",
    "order_shipped": "Your order {number} is on its way",
    "order_cancelled": "Your order {number} is cancelled",
    "order_refunded": "Your money for order {number} is on its way back",
}

_templates = Environment(
    loader=PackageLoader("tandem_worker.notifications"),
    autoescape=select_autoescape(("html.jinja",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def compose(mail: Claimed, facts: Facts, sender: Address) -> EmailMessage:
    """The mail; ValueError when the customer's address cannot be one of a mail.

    Its Message-ID is the same however often it is tried, so that a repeated one is known for what it is.
    """
    number = str(facts.order_id)[-12:]
    told = {
        "store": sender.display_name or sender.domain,
        "name": facts.name,
        "number": number,
        "subject": SUBJECTS[mail.kind].format(number=number),
        "placed_at": f"{facts.placed_at:%d %B %Y}".lstrip("0"),
        "lines": [
            {
                "name": line.name,
                "quantity": line.quantity,
                "sum": format_money(line.quantity * line.unit_amount, facts.currency),
            }
            for line in facts.lines
        ],
        "total": format_money(facts.total_amount, facts.currency),
        "event": facts.event,
        "given_back": _given_back(facts.event),
    }
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(display_name=facts.name, addr_spec=facts.email)
    message["Subject"] = told["subject"]
    message["Date"] = format_datetime(mail.wanted_at)
    message["Message-ID"] = f"<{mail.kind}.{mail.id}.{mail.edition}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # an absence note is not wanted in return
    message.set_content(_templates.get_template(f"{mail.kind}.txt.jinja").render(told))
    message.add_alternative(_templates.get_template(f"{mail.kind}.html.jinja").render(told), subtype="html")
    return message


def _given_back(event: dict[str, Any]) -> str:
    """The amount that was given back by what the event tells, not before; empty when it says none."""
    money = event.get("last_amount") or event.get("amount") or event.get("refunded")
    return format_money(money["amount"], money["currency"]) if money else ""
