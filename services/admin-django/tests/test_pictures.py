"""Uploads: what is accepted, what becomes of it, and where it is found."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from moto.server import ThreadedMotoServer
from PIL import Image
from tandem_admin.catalog import pictures
from tandem_admin.catalog.models import Product
from tandem_admin.environment import Settings
from tandem_admin.events.models import OutboxEvent
from tandem_admin.media import media_storage
from tandem_local.ports import free_port

PLACE = 0x8825
MakeProduct = Callable[..., Product]


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    uploads = media_storage(Settings(environment="test", media_root=tmp_path))
    settings.STORAGES = settings.STORAGES | {"default": uploads}
    return tmp_path


def image(kind: str = "JPEG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, kind, **options)
    return written.getvalue()


def upload(client: Client, product: Product, content: bytes, name: str = "mug.jpg") -> Product:
    data = {
        "name": product.name,
        "description": "",
        "category": str(product.category_id),
        "price": "14.90",
        "price_currency": "EUR",
        "status": product.status,
        "picture": SimpleUploadedFile(name, content),
    }
    answer = client.post(f"/admin/catalog/product/{product.pk}/change/", data)
    if answer.status_code != 302:
        raise ValueError(str(answer.context["adminform"].form.errors["picture"]))
    product.refresh_from_db()
    return product


@pytest.mark.parametrize("kind", pictures.FORMATS)
def test_a_picture_becomes_webp_that_may_be_kept_for_ever(
    staff: Client, client: Client, make_product: MakeProduct, kind: str
) -> None:
    product = upload(staff, make_product(status="published"), image(kind), f"mug.{kind.lower()}")

    event = OutboxEvent.objects.get(aggregate_id=product.pk, version=2)
    assert event.payload["picture"] == product.picture.url
    answer = Client().get(urlsplit(product.picture.url).path)
    assert answer.headers["Content-Type"] == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    with Image.open(io.BytesIO(b"".join(answer.streaming_content))) as served:  # type: ignore[attr-defined]
        assert (served.format, served.size) == ("WEBP", (40, 30))


def test_it_is_made_smaller_and_forgets_where_it_was_taken(staff: Client, make_product: MakeProduct) -> None:
    taken = Image.Exif()
    taken.get_ifd(PLACE)[1] = "N"
    taken[0x0112] = 6  # turned by a quarter
    product = upload(staff, make_product(), image(size=(3200, 800), exif=taken))
    with product.picture.open() as file, Image.open(file) as kept:
        assert kept.size == (400, 1600)
        assert not kept.getexif()


def test_the_same_picture_is_one_file(staff: Client, make_product: MakeProduct, folder: Path) -> None:
    first, second = upload(staff, make_product("A"), image()), upload(staff, make_product("B"), image())
    assert first.picture.name == second.picture.name
    assert len(list(folder.rglob("*.webp"))) == 1


@pytest.fixture
def bucket(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket of a server that speaks S3, which uploads go to."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "store")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    client.create_bucket(Bucket="tandem")
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::tandem/*"}
    client.put_bucket_policy(Bucket="tandem", Policy=json.dumps({"Version": "2012-10-17", "Statement": [anybody]}))
    given = {"media_s3_bucket": "tandem", "media_s3_endpoint": address, "media_s3_region": "us-east-1"}
    uploads = media_storage(Settings.model_validate({"environment": "test", "media_url": f"{address}/tandem/"} | given))
    settings.STORAGES = settings.STORAGES | {"default": uploads}
    yield f"{address}/tandem"
    server.stop()


def test_a_bucket_gives_a_picture_to_the_world(staff: Client, make_product: MakeProduct, bucket: str) -> None:
    product = upload(staff, make_product(status="published"), image())

    assert product.picture.url == f"{bucket}/{product.picture.name}"
    answer = httpx.get(product.picture.url)
    assert answer.headers["Content-Type"] == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    with Image.open(io.BytesIO(answer.content)) as served:
        assert served.size == (40, 30)


def test_a_bucket_that_is_away_loses_no_product(
    staff: Client, make_product: MakeProduct, bucket: str, settings: LazySettings
) -> None:
    product = make_product()
    uploads = settings.STORAGES["default"]
    nobody = {"endpoint_url": f"http://127.0.0.1:{free_port()}"}
    settings.STORAGES = settings.STORAGES | {"default": uploads | {"OPTIONS": uploads["OPTIONS"] | nobody}}

    with pytest.raises(ValueError, match="cannot be kept"):
        upload(staff, product, image())

    product.refresh_from_db()
    assert not product.picture


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"<svg/>", "mug.svg", "valid image"),
        (b"MZ" + b"0" * 100, "mug.png", "not an image"),
        (image("GIF"), "mug.gif", "no picture that can be read"),
        (image("BMP"), "mug.png", "no picture that can be read"),
        (image()[:300], "mug.jpg", "valid image"),
        (b"", "mug.jpg", "empty"),
        (image("PNG", (8000, 6000)), "mug.png", "megapixels"),
        (image("PNG") + b"0" * pictures.MAXIMUM_BYTES, "mug.png", "at most 5 MB"),
    ],
    ids=["svg", "program", "gif", "wrong name", "cut off", "empty", "too large", "too long"],
)
def test_anything_else_is_refused(
    staff: Client, make_product: MakeProduct, folder: Path, content: bytes, name: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        upload(staff, make_product(), content, name)
    assert not list(folder.rglob("*.*"))


@pytest.mark.parametrize("path", ["/media/", "/media/products/none.webp", "/media/../settings.py", "/media/x.py"])
def test_nothing_else_is_served(client: Client, folder: Path, path: str) -> None:
    (folder / "x.py").write_text("secret")
    assert client.get(path).status_code == 404


def test_a_body_that_is_too_long_is_not_read(client: Client) -> None:
    answer = client.generic("POST", "/accounts/login/", b"x", headers={"Content-Length": str(10**9)})
    assert answer.status_code == 413


def test_a_bucket_s_address_is_the_one_that_the_world_sees() -> None:
    bucket = {"environment": "test", "media_s3_bucket": "tandem", "media_url": "https://cdn.example.com/store/"}
    options = media_storage(Settings.model_validate(bucket))["OPTIONS"]
    assert f"{options['url_protocol']}//{options['custom_domain']}/" == "https://cdn.example.com/store/"
    with pytest.raises(ValueError, match="TANDEM_MEDIA_URL"):
        Settings.model_validate(bucket | {"media_url": ""})
