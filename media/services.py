"""Files of media: taken in, checked, stored under a name of ours, read back by their owner, let go."""

import hashlib
import io
import mimetypes
import posixpath
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from agi_site.lib.ids import uuid7
from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Conflict, Invalid, NotFound, TooLarge

from .models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata
from .probe import MOST_PIXELS
from .probing import facts_of, small_copy

MODELS: dict[str, Any] = {"image": ImageMetadata, "audio": AudioMetadata, "video": VideoMetadata}
FOLDER = "media"
LARGEST_FILE = 64 << 20  # as much as the tools that look into files read of one
PROBE_SECONDS = 20.0
LONGEST_NAME = 255
# Pictures: images that messages show. What browsers show and models read, and no more of it than they need.
PICTURES = ("png", "jpeg", "webp", "gif")
LARGEST_PICTURE = 20 << 20
SMALL_TYPE = "image/jpeg"
# What is taken, by the name that its decoder gives it: how the stored file ends, and what it is sent as.
FORMATS: dict[str, dict[str, tuple[str, str]]] = {
    "image": {
        "png": ("png", "image/png"),
        "jpeg": ("jpg", "image/jpeg"),
        "gif": ("gif", "image/gif"),
        "webp": ("webp", "image/webp"),
        "bmp": ("bmp", "image/bmp"),
        "tiff": ("tif", "image/tiff"),
        "avif": ("avif", "image/avif"),
    },
    "audio": {
        "wav": ("wav", "audio/wav"),
        "mp3": ("mp3", "audio/mpeg"),
        "ogg": ("ogg", "audio/ogg"),
        "flac": ("flac", "audio/flac"),
        "aac": ("aac", "audio/aac"),
        "mov": ("m4a", "audio/mp4"),
        "matroska": ("weba", "audio/webm"),
    },
    "video": {
        "mov": ("mp4", "video/mp4"),
        "matroska": ("webm", "video/webm"),
        "ogg": ("ogv", "video/ogg"),
        "avi": ("avi", "video/x-msvideo"),
    },
}
TYPES = sorted({kind for known in FORMATS.values() for _ending, kind in known.values()})
BINARY = "application/octet-stream"


def store_upload(*, owner: Any, kind: str, name: str, file: "File[bytes]") -> Any:
    """Take a file of `kind` ("image", "audio", "video"): the row, with what the file says of itself.

    The bytes decide what it is, never its name. Raises TooLarge, Invalid (naming `file`) or Conflict (the
    person's files are too many bytes).
    """
    data = _bytes_of(owner, file)
    facts = _facts(kind, data)
    if facts is None:
        raise Invalid(errors={"file": [_not_taken(kind)]})
    return _store(owner, kind, name, data, facts)


def store_any(*, owner: Any, name: str, file: "File[bytes]") -> Any:
    """Take a file of whatever kind its bytes are; raises as `store_upload` does.

    A recording may hold a picture (its cover), and a video always may be heard: where the bytes are of two
    kinds, the name's ending says which of them is meant.
    """
    data = _bytes_of(owner, file)
    meant = (mimetypes.guess_type(name)[0] or "").partition("/")[0]
    for kind in sorted(("image", "video", "audio"), key=lambda kind: kind != meant):
        if (facts := _facts(kind, data)) is not None:
            return _store(owner, kind, name, data, facts)
    known = ", ".join(sorted({ending for taken in FORMATS.values() for ending, _type in taken.values()}))
    message = _("This is no image, recording or video that can be taken. Choose one of: %(known)s.")
    raise Invalid(errors={"file": [message % {"known": known}]})


def store_picture(*, owner: Any, name: str, file: "File[bytes]") -> ImageMetadata:
    """Take an image that a message is to show; it is not `kept`: it goes when no message shows it.

    Raises as `store_upload` does, and Invalid for an image of another format, of too many pixels, or broken.
    """
    if int(file.size or 0) > LARGEST_PICTURE:
        raise TooLarge(_("A picture may have at most %(most)s MB.") % {"most": LARGEST_PICTURE >> 20})
    data = _bytes_of(owner, file)
    facts = _facts("image", data)
    if facts is None or facts["format"] not in PICTURES:
        known = ", ".join(FORMATS["image"][form][0] for form in PICTURES)
        message = _("This is no picture that a message can show. Choose one of: %(known)s.")
        raise Invalid(errors={"file": [message % {"known": known}]}, code="no_picture")
    small = _small(facts["width"], facts["height"], data)
    row: ImageMetadata = _store(owner, "image", name, data, facts, kept=False)
    _keep_small(row, small)
    return row


def small_of(row: ImageMetadata) -> bytes:
    """The small copy of an image, made now if there is none yet: a JPEG without the camera's notes.

    Raises NotFound where the image's file is gone, Invalid where it is none that a message can show.
    """
    try:
        if is_ours(row):
            with default_storage.open(small_path(row)) as file:
                found: bytes = file.read()
            return found
    except (OSError, SuspiciousFileOperation):
        pass
    if row.format not in PICTURES or (row.size_bytes or 0) > LARGEST_PICTURE:
        raise Invalid(_("“%(name)s” is no picture that a message can show.") % {"name": row.filename})
    with content_of(row) as original:
        small = _small(row.width or 0, row.height or 0, original.read())
    _keep_small(row, small)
    return small


def small_size(small: bytes) -> tuple[int, int]:
    """Width and height of a small copy."""
    from PIL import Image

    with Image.open(io.BytesIO(small), formats=("JPEG",)) as found:  # one that we have written ourselves
        return found.size


def small_path(row: ImageMetadata) -> str:
    """Where the small copy of an image lies: beside it."""
    return f"{str(row.path).rpartition('.')[0]}.small.jpg"


def _small(width: int, height: int, data: bytes) -> bytes:
    if width * height > MOST_PIXELS:
        most = {"most": MOST_PIXELS // 1_000_000}
        text = _("The picture has too many pixels: at most %(most)d million. Make it smaller first.") % most
        raise Invalid(errors={"file": [text]}, code="too_many_pixels")
    small = small_copy(data, seconds=PROBE_SECONDS)
    if small is None:
        text = _("The picture is broken: it cannot be drawn to its end.")
        raise Invalid(errors={"file": [text]}, code="broken_picture")
    return small


def _keep_small(row: ImageMetadata, small: bytes) -> None:
    path = small_path(row)
    kept = default_storage.save(path, ContentFile(small))
    if kept != path:  # somebody else was faster
        default_storage.delete(kept)


def _bytes_of(owner: Any, file: "File[bytes]") -> bytes:
    """All of a file that is neither empty nor too large, for which its owner has room."""
    size = int(file.size or 0)
    if size > LARGEST_FILE:
        raise TooLarge(_("A file may have at most %(most)s MB.") % {"most": LARGEST_FILE >> 20})
    if not size:
        raise Invalid(errors={"file": [_("The file is empty.")]})
    check_room(owner, size)
    file.seek(0)
    data: bytes = file.read()
    return data


def _facts(kind: str, data: bytes) -> dict[str, Any] | None:
    """What a file says of itself, its `format` by one name; None where it is not of this kind."""
    facts = facts_of(kind, data, seconds=PROBE_SECONDS)
    form = str(facts.get("format", "")).partition(",")[0]
    return None if "error" in facts or form not in FORMATS[kind] else facts | {"format": form}


def _store(owner: Any, kind: str, name: str, data: bytes, facts: dict[str, Any], **columns: Any) -> Any:
    form = facts["format"]
    ending = FORMATS[kind][form][0]
    path = default_storage.save(f"{FOLDER}/{owner.pk}/{uuid7()}.{ending}", ContentFile(data))
    told = _told(kind, facts) | columns
    row = MODELS[kind](
        user=owner, filename=_plain(name), path=path, format=form, size_bytes=len(data), **told
    )
    try:
        row.save(force_insert=True)
        check_room(owner, 0)  # once more: what came at the same moment counts by now
        return row
    except BaseException:
        MODELS[kind].objects.filter(pk=row.pk).delete()
        default_storage.delete(path)
        raise


def used_bytes(owner: Any) -> int:
    """How many bytes a person's files have together."""
    return sum(
        model.objects.filter(user=owner).aggregate(bytes=Sum("size_bytes"))["bytes"] or 0
        for model in MODELS.values()
    )


def check_room(owner: Any, size: int) -> None:
    """Raise Conflict, with the figures, unless `size` more bytes of a person's files fit."""
    used = used_bytes(owner)
    if used + size > settings.MEDIA_QUOTA_BYTES:
        figures = {"used": used >> 20, "most": settings.MEDIA_QUOTA_BYTES >> 20}
        raise Conflict(
            _("Your files take %(used)d of %(most)d MiB, and this one does not fit. Delete some first.")
            % figures,
            code="media_full",
        )


def content_of(row: Any) -> "File[bytes]":
    """The open file of a row; raises NotFound where it has none here."""
    try:
        if is_ours(row):
            return default_storage.open(row.path)
    except (OSError, SuspiciousFileOperation):
        pass
    raise NotFound(_("The file of “%(name)s” is gone.") % {"name": row.filename}, code="no_content")


def type_of(row: Any) -> str:
    """What a row's file is sent as: one of a fixed list, whatever was said of it when it came."""
    return FORMATS[kind_of(row)].get(str(row.format or ""), ("", BINARY))[1]


def version_of(row: Any) -> str:
    """What tells a row's bytes from all others: they are stored once, under a name of their own."""
    return hashlib.sha256(f"{row.path}:{row.size_bytes}".encode()).hexdigest()


def kind_of(row: Any) -> str:
    """ "image", "audio" or "video"."""
    return next(name for name, model in MODELS.items() if isinstance(row, model))


def is_ours(row: Any) -> bool:
    """Whether a row's path lies in its owner's folder; a row may come with any path in it."""
    path = str(row.path)
    return posixpath.normpath(path) == path and path.startswith(f"{FOLDER}/{row.user_id}/")


@transaction.atomic
def delete_media(*, row: Any) -> None:
    """Let a file go, with its tags and what was seen in it; its bytes after the commit."""
    kind, ours = kind_of(row), is_ours(row)
    paths = [row.path, small_path(row)] if kind == "image" else [row.path]
    for model in (MediaTag, MediaObject):
        model.objects.filter(user=row.user_id, media_type=kind, media_id=row.pk).delete()
    row.delete()
    if ours:
        for path in paths:
            transaction.on_commit(partial(default_storage.delete, path), robust=True)


def _plain(name: str) -> str:
    """The name as its owner knows it: for showing, never for finding the file."""
    plain = repaired(name).replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in plain if letter.isprintable()).strip()
    stem, dot, ending = shown.rpartition(".")
    if len(shown) > LONGEST_NAME and dot and len(ending) < 10:
        return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"
    return shown[:LONGEST_NAME] or "file"


def _told(kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The columns of what a file says of itself."""
    if kind == "image":
        return {"width": facts["width"], "height": facts["height"]}
    seconds = facts.get("seconds")
    length = {"duration": round(seconds) if seconds is not None and 0 <= seconds < 2**31 else None}
    if kind == "audio":
        sound = facts["audio"][0]
        return length | {"sample_rate": sound["sample_rate"], "channels": sound["channels"]}
    picture = facts["video"][0]
    rate = picture["frames_per_second"]
    return length | {
        "resolution": f"{picture['width']}x{picture['height']}",
        "fps": round(Decimal(str(rate)), 2) if rate is not None and 0 <= rate < 1000 else None,
    }


def _not_taken(kind: str) -> str:
    known = ", ".join(ending for ending, _type in FORMATS[kind].values())
    texts = {
        "image": _("This is no image that can be taken. Choose one of: %(known)s."),
        "audio": _("This is no recording that can be taken. Choose one of: %(known)s."),
        "video": _("This is no video that can be taken. Choose one of: %(known)s."),
    }
    return texts[kind] % {"known": known}
