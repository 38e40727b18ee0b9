"""Pages of media: files put in, looked at, listened to, downloaded, deleted."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from agi_site.lib.problems import Problem
from agi_site.lib.web import form_page, page, paged

from . import services
from .models import MediaTag
from .sending import send, send_small

MOST_UPLOADS = 20
LARGEST_THUMBNAIL = 4 << 20  # an image is its own thumbnail
NOT_SHOWN = {"tiff", "avi"}  # formats that hardly a browser shows
TABS = {
    "image": gettext_lazy("Images"),
    "audio": gettext_lazy("Recordings"),
    "video": gettext_lazy("Videos"),
}


@form_page
def media_list(request: HttpRequest) -> HttpResponse:
    """GET: one's files of a kind (`?kind=`), newest first; POST: more of them, of any kind."""
    if request.method != "POST":
        kind = request.GET.get("kind", "")
        return _list(request, kind if kind in TABS else "image")
    stored, faults = _take(request)
    kind = services.kind_of(stored[-1]) if stored else request.POST.get("kind", "")
    kind = kind if kind in TABS else "image"
    address = f"{reverse('media:list')}?kind={kind}"
    if request.htmx:
        return push_url(_list(request, kind, faults=faults), address)
    for fault in faults:
        messages.error(request, fault)
    if stored:
        text = ngettext("%(count)d file uploaded.", "%(count)d files uploaded.", len(stored))
        messages.success(request, text % {"count": len(stored)})
    return redirect(address)


def _take(request: HttpRequest) -> tuple[list[Any], list[str]]:
    """The rows of the files that were sent, and why others were not taken."""
    stored, faults = [], []
    sent = request.FILES.getlist("files")
    if not sent or len(sent) > MOST_UPLOADS:
        return [], [_("Choose from 1 to %(most)d files.") % {"most": MOST_UPLOADS}]
    for file in sent:
        try:
            stored.append(services.store_any(owner=request.user, name=file.name or "", file=file))
        except Problem as problem:
            said = [str(fault) for some in problem.errors.values() for fault in some]
            faults.append(f"{file.name}: {' '.join(said) or problem.message}")
    return stored, faults


def _list(request: HttpRequest, kind: str, faults: list[str] | None = None) -> HttpResponse:
    rows = services.MODELS[kind].objects.for_user(request.user)
    return page(
        request,
        "media/list.html",
        "files",
        kind=kind,
        tabs=TABS,
        page=paged(request, rows, order=["-pk"]),
        faults=faults or [],
        thumbnail=LARGEST_THUMBNAIL,
        not_shown=NOT_SHOWN,
        largest=services.LARGEST_FILE,
        used=services.used_bytes(request.user),
        quota=settings.MEDIA_QUOTA_BYTES,
    )


@require_safe
def detail(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """A file: seen or heard, with what it says of itself."""
    row = _row(request, kind, pk)
    return page(
        request,
        "media/detail.html",
        row=row,
        kind=kind,
        tab=TABS[kind],
        shown=row.format not in NOT_SHOWN,
        type=services.type_of(row),
        tags=MediaTag.objects.for_user(request.user).filter(media_type=kind, media_id=row.pk),
    )


@require_safe
def content(request: HttpRequest, kind: str, pk: UUID) -> HttpResponseBase:
    """The bytes, or the part of them that a player asks for."""
    return send(request, _row(request, kind, pk))


@require_safe
def small(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The small copy of an image."""
    return send_small(request, _row(request, "image", pk))


@form_page
def delete(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """Ask, and on POST delete a file with its tags."""
    row = _row(request, kind, pk)
    if request.method != "POST":
        return page(request, "media/delete.html", row=row, kind=kind)
    services.delete_media(row=row)
    messages.success(request, _("Deleted."))
    return redirect(f"{reverse('media:list')}?kind={kind}")


def _row(request: HttpRequest, kind: str, pk: UUID) -> Any:
    if kind not in services.MODELS:
        raise Http404
    return get_object_or_404(services.MODELS[kind].objects.for_user(request.user), pk=str(pk))
