"""Pictures that messages show: what is taken, and the small copy that pages and models get."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from agi_site.lib.problems import Invalid, NotFound, TooLarge
from media import services
from media.models import ImageMetadata

from .files import noise, photo, png, wav


def take(owner: Any, data: bytes, name: str = "a.png") -> ImageMetadata:
    return services.store_picture(owner=owner, name=name, file=ContentFile(data))


def opened(row: ImageMetadata) -> Image.Image:
    return Image.open(io.BytesIO(services.small_of(row)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_pictures_that_browsers_show_are_taken(alice: Any, form: str) -> None:
    row = take(alice, png(form), "named.txt")
    assert (row.format, row.width, row.height, row.kept) == (form.lower(), 64, 48, False)
    assert (opened(row).format, opened(row).size) == ("JPEG", (64, 48))


@pytest.mark.parametrize("data", [png("BMP"), png("TIFF"), wav(), b"<svg xmlns='x'/>", b"\x89PNG\r\n", b"x"])
def test_all_else_is_refused_whatever_its_name(alice: Any, data: bytes) -> None:
    with pytest.raises(Invalid):
        take(alice, data, "picture.png")
    assert not ImageMetadata.objects.exists()


def test_a_picture_that_ends_too_early_is_refused(alice: Any) -> None:
    with pytest.raises(Invalid):
        take(alice, noise()[:60_000])
    with pytest.raises(Invalid) as caught:
        take(alice, photo(size=(2000, 1000))[:9_000])
    assert caught.value.code == "broken_picture"
    assert not ImageMetadata.objects.exists()


def test_a_decompression_bomb_is_refused(alice: Any) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")
    with pytest.raises(Invalid):
        take(alice, bomb)


def test_too_many_pixels_are_refused_undrawn(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_PIXELS", 64 * 48 - 1)
    monkeypatch.setattr(services, "small_copy", lambda *_args, **_options: pytest.fail("it was drawn"))
    with pytest.raises(Invalid) as caught:
        take(alice, png())
    assert caught.value.code == "too_many_pixels"


def test_the_small_copy_stands_upright_and_says_nothing_of_the_camera(alice: Any) -> None:
    row = take(alice, photo(size=(3000, 1500)))
    small = services.small_of(row)
    with services.content_of(row) as original:
        assert b"SecretMaker" in original.read()
    assert b"SecretMaker" not in small
    assert b"Exif" not in small
    assert services.small_size(small) == (784, 1568)


def test_what_one_looks_through_is_white(alice: Any) -> None:
    data = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(data, "PNG")
    assert opened(take(alice, data.getvalue())).getpixel((5, 5)) == (255, 255, 255)


def test_grey_of_sixteen_bits_stays_grey(alice: Any) -> None:
    data = io.BytesIO()
    Image.new("I;16", (20, 20), 32_768).save(data, "PNG")
    found = opened(take(alice, data.getvalue())).getpixel((5, 5))
    assert all(abs(value - 128) < 3 for value in found)


def test_a_picture_may_not_be_too_large(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LARGEST_PICTURE", 100)
    with pytest.raises(TooLarge):
        take(alice, noise())


def test_an_image_of_the_media_page_gets_its_copy_when_it_is_wanted(alice: Any) -> None:
    row = services.store_upload(owner=alice, kind="image", name="a.png", file=ContentFile(png()))
    assert row.kept
    assert not default_storage.exists(services.small_path(row))
    assert services.small_size(services.small_of(row)) == (64, 48)
    assert default_storage.exists(services.small_path(row))


def test_a_path_that_is_not_ours_is_never_read(alice: Any) -> None:
    row = ImageMetadata.objects.create(user=alice, filename="a.png", path="../secret.png", format="png")
    with pytest.raises(NotFound):
        services.small_of(row)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_picture_takes_its_copy_with_it(alice: Any) -> None:
    row = take(alice, png())
    paths = row.path, services.small_path(row)
    assert all(map(default_storage.exists, paths))
    services.delete_media(row=row)
    assert not any(map(default_storage.exists, paths))


def test_only_its_owner_sees_the_small_copy(alice: Any, bob: Any, client_of: Callable[[Any], Any]) -> None:
    row = take(alice, png(), 'x"><script>.png')
    answer = client_of(alice).get(f"/media/image/{row.pk}/small/")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(b"".join(answer.streaming_content))).size == (64, 48)
    assert client_of(bob).get(f"/media/image/{row.pk}/small/").status_code == 404
    listed = client_of(alice).get("/media/").content.decode()
    assert "from a conversation" in listed
    assert "<script>.png" not in listed
