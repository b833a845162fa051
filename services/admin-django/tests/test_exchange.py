"""Products come and go as files: the good rows in, the bad ones told, and every event stated."""

import io
from collections.abc import Callable, Iterable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook, load_workbook
from pytest_django import DjangoAssertNumQueries
from tandem_admin.audit.models import AuditEntry
from tandem_admin.catalog.exchange import WRITTEN_AT_ONCE, ProductResource
from tandem_admin.catalog.models import Category, PriceChange, Product
from tandem_admin.events.models import OutboxEvent
from tandem_admin.inventory.models import Stock
from tandem_admin.users.models import User

PAGE = "/admin/catalog/product/import/"
CONFIRM = "/admin/catalog/product/process_import/"
EXPORT = "/admin/catalog/product/export/"
CSV, XLSX = "0", "1"
COLUMNS = ("sku", "name", "description", "category", "price", "currency", "status")
MakeProduct = Callable[..., Product]
Row = tuple[str, ...]


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    Category.objects.create(slug="desk", name="Desk")


def row(sku: str, **changes: str) -> Row:
    values = {
        "sku": sku,
        "name": f"Lamp {sku}",
        "description": "",
        "category": "desk",
        "price": "19.99",
        "currency": "EUR",
        "status": "published",
    }
    return tuple((values | changes).values())


def csv_of(rows: Iterable[Row], columns: tuple[str, ...] = COLUMNS) -> SimpleUploadedFile:
    text = "\n".join(",".join(line) for line in (columns, *rows))
    return SimpleUploadedFile("lamps.csv", text.encode(), "text/csv")


def preview(client: Client, file: SimpleUploadedFile, file_format: str = CSV) -> dict[str, object]:
    answer = client.post(PAGE, {"import_file": file, "format": file_format, "resource": "0"})
    assert answer.status_code == 200
    context: dict[str, object] = answer.context
    return context


def confirm(client: Client, shown: dict[str, object]) -> str:
    """The message that follows."""
    form = shown["confirm_form"]
    answer = client.post(CONFIRM, form.initial, follow=True)  # type: ignore[attr-defined]
    (message,) = answer.context["messages"]
    return str(message)


def test_new_and_changed_products_and_those_that_are_as_they_were(staff: Client, make_product: MakeProduct) -> None:
    make_product("OLD", "published", name="Old lamp", category=Category.objects.get(slug="desk"), price_amount=1000)
    make_product("SAME", "published", name="Lamp SAME", category=Category.objects.get(slug="desk"), price_amount=1999)
    rows = [row("NEW"), row("OLD", name="Old lamp", price="12.00"), row("SAME")]

    shown = preview(staff, csv_of(rows))

    assert shown["counts"] == {"new": 1, "changed": 1, "as they were": 1, "left out": 0}
    assert not Product.objects.filter(sku="NEW").exists(), "a preview changes nothing"
    assert confirm(staff, shown) == "Imported: 1 new, 1 changed, 1 as they were, 0 left out."
    new, old = Product.objects.get(sku="NEW"), Product.objects.get(sku="OLD")
    assert (new.name, new.price_amount, new.category.slug, new.status) == ("Lamp NEW", 1999, "desk", "published")
    assert Stock.objects.get(product=new).available == 0
    events = OutboxEvent.objects.filter(aggregate_id__in=[new.pk, old.pk]).order_by("pk")
    assert sorted((event.type, event.version) for event in events) == [
        ("product.changed.v1", 2),
        ("product.published.v1", 1),
        ("product.published.v1", 1),
    ]
    assert list(PriceChange.objects.filter(product=old).order_by("pk").values_list("amount", flat=True)) == [1000, 1200]
    entry = AuditEntry.objects.get(object_id=str(old.pk))
    assert (entry.action, entry.changes) == ("changed", {"price": ["10.00 EUR", "12.00 EUR"]})
    assert entry.message == "Imported from lamps.csv."
    assert not AuditEntry.objects.filter(object_name="Lamp SAME").exists()


@pytest.mark.parametrize(
    ("mistake", "column", "told"),
    [
        ({"price": "cheap"}, "price", "is no price"),
        ({"price": "0"}, "price", "above zero"),
        ({"price": "NaN"}, "price", "above zero"),
        ({"price": "1e40"}, "price", "too high"),
        ({"price": "1.999"}, "price", "2 decimal places"),
        ({"currency": "eur"}, "currency", "three capital letters"),
        ({"category": "attic"}, "category", "no category"),
        ({"status": "sold"}, "status", "A status is one of"),
        ({"status": "scheduled"}, "status", "A status is one of"),
        ({"name": ""}, "name", "cannot be blank"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"sku": ""}, "sku", "cannot be blank"),
    ],
)
def test_a_row_with_a_mistake_is_told_and_left_out(
    staff: Client, mistake: dict[str, str], column: str, told: str
) -> None:
    shown = preview(staff, csv_of([row("GOOD"), row(**({"sku": "BAD"} | mistake))]))

    (bad,) = shown["mistakes"]  # type: ignore[misc]
    assert bad.number == 2
    assert told in str(bad.field_specific_errors[column])
    assert confirm(staff, shown) == "Imported: 1 new, 0 changed, 0 as they were, 1 left out."
    assert list(Product.objects.values_list("sku", flat=True)) == ["GOOD"]


def test_a_sku_counts_once_in_a_file(staff: Client) -> None:
    shown = preview(staff, csv_of([row("LAMP"), row("LAMP", name="Other")]))
    assert confirm(staff, shown).endswith("1 left out.")
    assert Product.objects.get(sku="LAMP").name == "Lamp LAMP"


def test_columns_that_are_not_there_change_nothing(staff: Client, make_product: MakeProduct) -> None:
    make_product("MUG", "published")
    confirm(staff, preview(staff, csv_of([("MUG", "16.00")], ("sku", "price"))))
    product = Product.objects.get(sku="MUG")
    assert (product.name, product.price_amount, product.status) == ("Mug", 1600, "published")


def test_a_file_without_skus_is_refused(staff: Client) -> None:
    shown = preview(staff, csv_of([("Lamp", "19.99")], ("name", "price")))
    assert shown["result"].has_errors()  # type: ignore[attr-defined]
    assert not shown.get("confirm_form")


def test_a_file_is_imported_once(staff: Client) -> None:
    shown = preview(staff, csv_of([row("LAMP")]))
    confirm(staff, shown)
    assert "imported already" in confirm(staff, shown)


def test_when_somebody_was_faster_nothing_is_imported(
    staff: Client, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = preview(staff, csv_of([row("FIRST"), row("LAMP")]))
    make_product("LAMP")
    # Committed by another behind the look at what there is.
    monkeypatch.setattr(ProductResource, "get_queryset", lambda _: Product.objects.none())

    assert "Nothing was imported" in confirm(staff, shown)

    assert list(Product.objects.values_list("sku", "name")) == [("LAMP", "Mug")]
    assert not AuditEntry.objects.filter(message__startswith="Imported").exists()


def test_a_spreadsheet_goes_out_and_comes_back(staff: Client, make_product: MakeProduct) -> None:
    make_product("MUG", "published", name="=cmd()")
    answer = staff.post(EXPORT, {"format": XLSX, "resource": "0"})
    book = load_workbook(io.BytesIO(answer.content))
    lines = list(book.active.values)
    assert lines[0] == COLUMNS
    assert lines[1][:2] == ("MUG", "cmd()"), "a formula would be run by whoever opens it"

    changed = Workbook()
    for line in (lines[0], (*lines[1][:4], "17.5", *lines[1][5:])):
        changed.active.append(line)
    content = io.BytesIO()
    changed.save(content)
    shown = preview(staff, SimpleUploadedFile("mugs.xlsx", content.getvalue()), XLSX)

    assert confirm(staff, shown) == "Imported: 0 new, 1 changed, 0 as they were, 0 left out."
    assert Product.objects.get(sku="MUG").price_amount == 1750


def test_only_those_who_may_write_products_import(client: Client, make_user: Callable[..., User]) -> None:
    client.force_login(make_user("clerk@example.com", is_staff=True))
    assert client.get(PAGE).status_code == 403
    assert client.post(CONFIRM, {}).status_code == 403
    assert client.get(EXPORT).status_code == 403


def test_statements_grow_with_batches_not_with_rows(
    staff: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [row(f"LAMP-{number}") for number in range(2 * WRITTEN_AT_ONCE)]
    shown = preview(staff, csv_of(rows))
    form = shown["confirm_form"]

    with django_assert_max_num_queries(60):
        staff.post(CONFIRM, form.initial)  # type: ignore[attr-defined]

    assert Product.objects.count() == len(rows)
    assert OutboxEvent.objects.filter(type="product.published.v1", payload__sku__startswith="LAMP-").count() == len(
        rows
    )
