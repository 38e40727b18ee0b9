"""Pictures of messages: taken in, put into a message, and let go when no message shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from agi_site.lib.problems import Invalid, NotFound
from media import services as media
from media.models import ImageMetadata

from ..models import Message, MessagePicture

MOST_PICTURES = 8  # in one message
UNSENT = timedelta(hours=24)  # how long a picture waits for its message
BATCH = 200


@dataclass(frozen=True, slots=True)
class Ready:
    """An image that can be put into a message, and the size of its small copy."""

    image: ImageMetadata
    width: int
    height: int


def take_picture(*, owner: User, name: str, file: File[bytes]) -> ImageMetadata:
    """Store a picture for a message that is being written; raises TooLarge, Invalid or Conflict (no room)."""
    return media.store_picture(owner=owner, name=name, file=file)


def drop_picture(*, owner: User, image_id: str) -> None:
    """Take a picture out of a message that is being written; one that is shown or kept elsewhere stays."""
    image = ImageMetadata.objects.for_user(owner).filter(pk=image_id).first()
    if image is None:
        raise NotFound
    let_go([image.pk])


def unsent_pictures(*, owner: User, ids: Collection[str]) -> list[ImageMetadata]:
    """Those of the images that still wait for their message, in the order of `ids`."""
    wanted = list(dict.fromkeys(ids))[:MOST_PICTURES]
    mine = ImageMetadata.objects.for_user(owner).filter(kept=False, message_pictures__isnull=True)
    found = mine.defer("embedding").in_bulk(wanted)
    return [found[pk] for pk in wanted if pk in found]


def ready(*, owner: User, ids: Iterable[str]) -> list[Ready]:
    """The images of these ids, checked; raises Invalid for too many, NotFound where one is not the person's.

    May make a small copy that there is not yet: call it outside of transactions.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_PICTURES:
        fault = _("A message has at most %(most)d pictures; this one has %(has)d.")
        faults = [fault % {"most": MOST_PICTURES, "has": len(wanted)}]
        raise Invalid(code="too_many_pictures", errors={"media": faults})
    found = ImageMetadata.objects.for_user(owner).defer("embedding").in_bulk(wanted) if wanted else {}
    if len(found) < len(wanted):
        raise _gone()
    return [Ready(found[pk], *media.small_size(media.small_of(found[pk]))) for pk in wanted]


def attach(message: Message, pictures: Sequence[Ready]) -> None:
    """Let a message, whose metadata counts them already, show these pictures."""
    if not pictures:
        return
    ids = [one.image.pk for one in pictures]
    # Held, so that none of them is let go of before it is shown here.
    held = ImageMetadata.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    if len(held.values_list("pk")) < len(ids):
        raise _gone()
    MessagePicture.objects.bulk_create(
        MessagePicture(message=message, image=one.image, place=place, width=one.width, height=one.height)
        for place, one in enumerate(pictures)
    )


def show_files(message: Message, images: Sequence[ImageMetadata | None]) -> None:
    """Let a message of a file show these images; None leaves the gap of one that the file only names."""
    sizes = [media.small_size(media.small_of(image)) if image else (0, 0) for image in images]
    MessagePicture.objects.bulk_create(
        MessagePicture(message=message, image=image, place=place, width=width, height=height)
        for place, (image, (width, height)) in enumerate(zip(images, sizes, strict=True))
    )


def copy_pictures(copies: dict[str, str]) -> None:
    """Let messages show what others show; `copies`: from old ids to new ones."""
    rows = MessagePicture.objects.filter(message__in=list(copies)).order_by("pk")
    MessagePicture.objects.bulk_create(
        MessagePicture(
            message_id=copies[row.message_id],
            image_id=row.image_id,
            place=row.place,
            width=row.width,
            height=row.height,
        )
        for row in rows
    )


@transaction.atomic
def let_go(ids: Collection[str]) -> int:
    """Delete those of the images that came with a message and that none shows any more; how many."""
    loose = ImageMetadata.objects.filter(pk__in=list(ids), kept=False)
    rows: list[Any] = list(loose.select_for_update().defer("embedding").order_by("pk"))
    shown = MessagePicture.objects.filter(image__in=[row.pk for row in rows])
    still = set(shown.values_list("image_id", flat=True))
    gone = [row for row in rows if row.pk not in still]
    for row in gone:
        media.delete_media(row=row)
    return len(gone)


def let_go_of_unsent() -> int:
    """Delete pictures whose message never came; how many."""
    before = timezone.now() - UNSENT
    loose = ImageMetadata.objects.filter(kept=False, created_at__lt=before, message_pictures__isnull=True)
    return let_go(list(loose.order_by("pk").values_list("pk", flat=True)[:BATCH]))


def _gone() -> NotFound:
    text = _("A picture of this message does not exist, or is not yours. Take it out and try again.")
    return NotFound(text, code="no_such_picture")
