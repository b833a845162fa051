"""What staff do all day, in a real browser."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from psycopg.types.json import Jsonb
from tandem_local.scenario.customer import Customer

Look = Callable[[Page, str], None]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A cup, drawn."""
    image = Image.new("RGB", (600, 400), "#f5efe6")
    draw = ImageDraw.Draw(image)
    draw.ellipse((340, 150, 440, 270), outline="teal", width=22)
    draw.rounded_rectangle((190, 110, 390, 320), radius=28, fill="teal")
    draw.ellipse((190, 92, 390, 132), fill="#0b5d5d")
    path = tmp_path / "cup.png"
    image.save(path)
    return path


def wait_until_paid(customer: Customer, order_id: str) -> None:
    with customer.following(order_id) as entries:
        assert any(entry.state == "paid" for entry in entries)


@pytest.mark.usefixtures("fortnight")
def test_the_day_begins_with_figures_that_lead_on(staff: Page, customer: Customer, any_sku: str, look: Look) -> None:
    order_id, _ = customer.place_order({any_sku: 1})
    wait_until_paid(customer, order_id)
    staff.goto("/admin/")

    look(staff, "dashboard")
    staff.get_by_role("link", name=re.compile("Orders today")).click()

    expect(staff.get_by_text(order_id)).to_be_visible()


def test_a_product_is_drafted_with_a_picture_and_published(staff: Page, picture: Path, look: Look) -> None:
    sku = f"CUP-{uuid.uuid4().hex[:6].upper()}"
    staff.goto("/admin/catalog/product/add/")
    staff.locator("[name=sku]").fill(sku)
    staff.locator("[name=name]").fill("Teal cup")
    staff.locator("[name=description]").fill("Stoneware, thrown by hand, glazed in teal. Holds 300 ml.")
    staff.locator("[name=price]").fill("12.50")
    staff.locator(".select2-selection").first.click()
    staff.locator(".select2-search__field").fill("Desk")
    staff.get_by_role("option", name=re.compile("Desk")).click()
    staff.locator("[name=picture]").set_input_files(picture)
    staff.locator("[name=status]").select_option("published")
    staff.get_by_role("button", name="Save and continue editing").click()

    expect(staff.get_by_text(re.compile("was added successfully"))).to_be_visible()
    look(staff, "product")
    staff.goto(f"/admin/catalog/product/?q={sku}")
    expect(staff.get_by_text("Published", exact=True).first).to_be_visible()


def test_many_products_come_in_as_a_file(staff: Page, tmp_path: Path, look: Look) -> None:
    sku = f"PEN-{uuid.uuid4().hex[:6].upper()}"
    file = tmp_path / "pens.csv"
    file.write_text(f"sku,name,category,price,status\n{sku},Pen,desk,2.50,published\nBAD,Pen,desk,cheap,published\n")
    staff.goto("/admin/catalog/product/import/")
    staff.locator("[name=import_file]").set_input_files(file)
    staff.locator("select[name=format]").select_option(label="csv")
    staff.get_by_role("button", name="Submit").click()

    expect(staff.get_by_text("is no price")).to_be_visible()
    look(staff, "import")
    staff.get_by_role("button", name="Import the rows without a mistake").click()

    expect(staff.get_by_text("Imported: 1 new")).to_be_visible()


def test_an_order_is_shipped(staff: Page, customer: Customer, any_sku: str, look: Look) -> None:
    order_id, _ = customer.place_order({any_sku: 2})
    wait_until_paid(customer, order_id)
    staff.goto(f"/admin/orders/order/{order_id}/change/")
    look(staff, "order")

    staff.get_by_role("link", name="Register shipment").click()
    staff.locator("[name=carrier]").fill("DHL")
    look(staff, "ship")
    staff.get_by_role("button", name="Register shipment").click()

    expect(staff.get_by_text("Shipment registered.")).to_be_visible()
    with customer.following(order_id) as entries:
        assert any(entry.state == "shipped" for entry in entries)


def test_some_of_an_order_is_refunded(staff: Page, customer: Customer, any_sku: str, look: Look) -> None:
    order_id, _ = customer.place_order({any_sku: 2})
    wait_until_paid(customer, order_id)
    staff.goto(f"/admin/orders/order/{order_id}/change/")
    staff.get_by_role("link", name="Request refund").click()
    look(staff, "refund")
    staff.locator("[name=amount]").fill("99999")
    staff.locator("[name=reason]").fill("one was broken")
    staff.get_by_role("button", name="Request refund").click()
    expect(staff.get_by_text(re.compile("Only .* is left"))).to_be_visible()
    look(staff, "refund-of-too-much")

    staff.locator("[name=amount]").fill("1.00")
    staff.get_by_role("button", name="Request refund").click()

    expect(staff.get_by_text(re.compile("Refund of .*1.00 requested."))).to_be_visible()
    with customer.following(order_id) as entries:
        assert any(entry.type == "order.partially_refunded.v1" for entry in entries)
    staff.reload()
    expect(staff.get_by_text("Refunded in part")).to_be_visible()
    look(staff, "order-refunded-in-part")


def test_a_dead_letter_is_understood_and_discarded(staff: Page, database: psycopg.Connection, look: Look) -> None:
    aggregate_id = uuid.uuid4()
    row = database.execute(
        "INSERT INTO events_deadletter (consumer, event_id, aggregate_type, aggregate_id, version, type, body, headers,"
        " state, reason, error, attempts) VALUES ('tandem-orders', uuidv7(), 'order', %s, 1, 'order.placed.v1', %s, %s,"
        " 'dead', 'poison', 'NoResultFound: no such order', 1) RETURNING id",
        [aggregate_id, '{"order_id": "none"}', Jsonb({"source": "/tandem/api"})],
    ).fetchone()
    assert row
    staff.goto(f"/admin/events/deadletter/{row[0]}/change/")
    look(staff, "dead-letter")

    staff.get_by_role("link", name="Discard").first.click()
    staff.locator("[name=why]").fill("the order was a test")
    staff.get_by_role("button", name="Discard").click()

    expect(staff.get_by_text(re.compile("discard", re.IGNORECASE)).first).to_be_visible()


def test_who_did_it_can_be_seen(staff: Page, look: Look) -> None:
    staff.goto("/admin/audit/auditentry/")
    look(staff, "audit-trail")
    expect(staff.locator("#changelist")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["catalog/product", "inventory/stock", "users/user", "content/page", "events/outboxevent"]
)
def test_lists_can_be_used_by_everybody(staff: Page, look: Look, path: str) -> None:
    staff.goto(f"/admin/{path}/")
    look(staff, path.replace("/", "-"))
