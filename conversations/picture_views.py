"""Pictures of a message that is being written: put in, shown, taken out again."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from agi_site.lib import engines
from agi_site.lib.problems import Invalid, TooLarge
from agi_site.lib.web import page
from media.models import ImageMetadata
from media.services import LARGEST_PICTURE

from . import services

WRAPPING = 64 << 10  # of a form around a file
CHIPS = "conversations/picture_chips.html"


@require_http_methods(["GET", "HEAD", "POST"])
def pictures(request: Any) -> HttpResponse:
    """POST: take a picture (`file`) in; GET: those of `?media=` that still wait for their message."""
    if request.method != "POST":
        return _chips(request, services.unsent_pictures(owner=request.user, ids=request.GET.getlist("media")))
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if length.isdecimal() and int(length) > LARGEST_PICTURE + WRAPPING:
        raise TooLarge(_("A picture may have at most %(most)s MB.") % {"most": LARGEST_PICTURE >> 20})
    file = request.FILES.get("file")
    if file is None:
        raise Invalid(errors={"file": [_("Choose a file.")]})
    return _chips(request, [services.take_picture(owner=request.user, name=file.name or "", file=file)])


@require_POST
def remove(request: Any, pk: UUID) -> HttpResponse:
    """Take a picture out of a message that is being written."""
    services.drop_picture(owner=request.user, image_id=str(pk))
    return HttpResponse(status=204)


def _chips(request: HttpRequest, rows: list[ImageMetadata]) -> HttpResponse:
    sees = bool(rows) and engines.chat().sees()
    return page(request, CHIPS, pictures=rows, unseen=not sees)


def pictures_of(request: Any) -> list[str]:
    """The ids of a sent form's pictures; without the page's script files come with it, and are taken now."""
    ids: list[str] = request.POST.getlist("media")
    files = request.FILES.getlist("pictures")[: services.MOST_PICTURES + 1]
    return ids + [
        services.take_picture(owner=request.user, name=file.name or "", file=file).pk for file in files
    ]
