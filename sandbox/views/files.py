"""The files of a sandbox: a folder at a time, moved in and out, and a text at a time in an editor."""

import hashlib
import posixpath
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Conflict, Invalid, NotFound, Problem
from agi_site.lib.web import add_problem, flash, form_page, page

from .. import files, words
from ..forms import FolderForm, MoveForm, TextForm
from ..models import Sandbox, SandboxFile, SandboxQuarantine
from ..sending import send
from .common import head_of, sandbox_of, sandbox_page

PAGE = 500
OFFSET = re.compile("[0-9]{1,9}")
LONGEST_TEXT = 1 << 20
ANY = "*"  # whatever is in the file may be written over
MOST_UPLOADS = 100  # Django takes no more files at once


@require_safe
def file_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is in the folder `?path=`: as the sandbox sees it, or as it was last seen."""
    sandbox = sandbox_of(request, pk)
    path = _path(request.GET.get("path", ""))
    offset = int(request.GET["offset"]) if OFFSET.fullmatch(request.GET.get("offset", "")) else 0
    listing, trouble, remembered = None, "", []
    try:
        listing = files.list_files(sandbox=sandbox, by=request.user, path=path, offset=offset, limit=PAGE)
    except Problem as problem:
        trouble = str(problem.message)
        remembered = _remembered(sandbox, path)
    return sandbox_page(
        request,
        sandbox,
        "files",
        parts=("listing",),
        path=path,
        crumbs=_crumbs(path),
        listing=listing,
        next_offset=offset + PAGE if listing and listing.more else None,
        trouble=trouble,
        remembered=remembered,
        held=SandboxQuarantine.objects.for_user(request.user).filter(sandbox=sandbox).order_by("-pk")[:5],
        folder_form=FolderForm(),
    )


@require_POST
def upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Files into the folder `path`; with `unpack`, archives are unpacked there."""
    sandbox = sandbox_of(request, pk)
    folder = _path(request.POST.get("path", ""))
    sent = request.FILES.getlist("files")
    if not sent or len(sent) > MOST_UPLOADS:
        return _back(
            request, sandbox, folder, Invalid(_("Choose from 1 to %(most)d files.") % {"most": MOST_UPLOADS})
        )
    try:
        for file in sent:
            if "unpack" in request.POST:
                files.extract(sandbox=sandbox, by=request.user, chunks=file.chunks(), path=folder)
            else:
                target = posixpath.join(folder, file.name)
                files.upload(
                    sandbox=sandbox, by=request.user, path=target, chunks=file.chunks(), size=file.size
                )
    except Problem as problem:
        return _back(request, sandbox, folder, problem)
    said = ngettext("%(count)d file uploaded.", "%(count)d files uploaded.", len(sent)) % {"count": len(sent)}
    return _back(request, sandbox, folder, said=said)


@require_POST
def make_folder(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new folder, or with `kind=file` a new text to write."""
    sandbox = sandbox_of(request, pk)
    folder = _path(request.POST.get("path", ""))
    form = FolderForm(request.POST)
    if not form.is_valid():
        return _back(request, sandbox, folder, Invalid(_("Give it a name.")))
    target = posixpath.join(folder, form.cleaned_data["name"])
    if request.POST.get("kind") == "file":
        return HttpResponseRedirect(_address("sandbox:file_edit", sandbox, target) + "&new")
    try:
        files.make_directory(sandbox=sandbox, by=request.user, path=target)
    except Problem as problem:
        return _back(request, sandbox, folder, problem)
    return _back(request, sandbox, target)


@form_page
def move(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Rename or move what is at `?path=`."""
    sandbox = sandbox_of(request, pk)
    source = _path(request.GET.get("path", "") or request.POST.get("path", ""))
    form = MoveForm(request.POST or None, initial={"path": source, "target": source})
    if request.method == "POST" and form.is_valid():
        try:
            files.move(
                sandbox=sandbox, by=request.user, source=source, target=_path(form.cleaned_data["target"])
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return _back(request, sandbox, posixpath.dirname(_path(form.cleaned_data["target"])))
    return page(
        request,
        "sandbox/small_form.html",
        sandbox=sandbox,
        form=form,
        title=_("Rename or move"),
        verb=_("Save"),
        lead=source,
        cancel=_address("sandbox:files", sandbox, posixpath.dirname(source)),
        status=400 if form.errors else 200,
    )


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and on POST delete a file, or a folder with all that is in it."""
    sandbox = sandbox_of(request, pk)
    path = _path(request.POST.get("path", "") or request.GET.get("path", ""))
    parent = posixpath.dirname(path)
    if request.method != "POST":
        cancel = _address("sandbox:files", sandbox, parent)
        return page(request, "sandbox/file_delete.html", sandbox=sandbox, path=path, cancel=cancel)
    try:
        files.delete(sandbox=sandbox, by=request.user, path=path)
    except Problem as problem:
        return _back(request, sandbox, parent, problem)
    return _back(request, sandbox, parent, said=_("Deleted."))


@require_safe
def download(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A file, or with `?archive` a folder as one archive."""
    sandbox = sandbox_of(request, pk)
    path = _path(request.GET.get("path", ""))
    try:
        if "archive" in request.GET:
            kind = request.GET["archive"] or "tar.gz"
            return send(request, files.archive(sandbox=sandbox, by=request.user, path=path, kind=kind))
        return send(request, files.download(sandbox=sandbox, by=request.user, path=path))
    except Problem as problem:
        return _back(request, sandbox, posixpath.dirname(path), problem)


@form_page
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A text in an editor. What was written to the file since it was opened is not written over unasked."""
    sandbox = sandbox_of(request, pk)
    path = _path(request.GET.get("path", ""))
    is_new, trouble, text, seen = "new" in request.GET, "", "", request.POST.get("seen", ANY)
    if request.method != "POST":
        try:
            content = _content(sandbox, request.user, path)
        except Problem as problem:
            return _back(request, sandbox, posixpath.dirname(path), problem)
        if content is None and not is_new:
            missing = NotFound(_("There is no such file or folder."))
            return _back(request, sandbox, posixpath.dirname(path), missing)
        if content is not None:  # a new file of a name that is taken is the file that is there
            is_new, text = False, content.text or ""
            if not content.complete:
                too_large = _("This file is larger than the %(size)s an editor holds. Download it instead.")
                trouble = too_large % {"size": words.size(LONGEST_TEXT)}
            elif content.text is None:
                trouble = _("This file is no text in UTF-8. Download it instead.")
        seen = _mark(content)
    form = TextForm(request.POST or None, initial={"text": text})
    if request.method == "POST" and form.is_valid():
        try:
            written = _save(sandbox, request.user, path, form.cleaned_data["text"], seen)
        except Problem as problem:
            if request.htmx:
                raise
            add_problem(form, problem)
            seen = ANY
        else:
            if request.htmx:
                return HttpResponse(written, content_type="text/plain")
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(_address("sandbox:file_edit", sandbox, path))
    return page(
        request,
        "sandbox/file_edit.html",
        tab="files",
        form=form,
        path=path,
        name=posixpath.basename(path),
        trouble=trouble,
        is_new=is_new,
        seen=seen,
        crumbs=_crumbs(posixpath.dirname(path)),
        status=400 if form.errors else 200,
        **head_of(sandbox),
    )


def _content(sandbox: Sandbox, by: Any, path: str) -> files.Content | None:
    """What is in a file, or None where there is none; raises the other Problems."""
    try:
        return files.read_file(sandbox=sandbox, by=by, path=path, limit=LONGEST_TEXT)
    except Problem as problem:
        if problem.status != NotFound.status:
            raise
        return None


def _save(sandbox: Sandbox, by: Any, path: str, text: str, seen: str) -> str:
    """Write a text over what was `seen` and return its mark; raises Conflict if something else is there."""
    if seen != ANY and seen != _mark(_content(sandbox, by, path)):
        raise Conflict(
            _(
                "This file was changed since it was opened. Save again to write over it, "
                "or open it anew to see the change."
            ),
            code="file_changed",
        )
    files.write_file(sandbox=sandbox, by=by, path=path, content=text)
    return hashlib.sha256(text.encode()).hexdigest()


def _mark(content: files.Content | None) -> str:
    """By what the editor knows again what it was opened with; "" is no file."""
    return "" if content is None else hashlib.sha256(content.data).hexdigest()


def _path(given: str) -> str:
    """A path without what means nothing; whether it may be touched is the service's business."""
    return "/".join(part for part in given.split("/") if part not in ("", "."))


def _crumbs(path: str) -> list[dict[str, str]]:
    parts = path.split("/") if path else []
    return [{"name": part, "path": "/".join(parts[: at + 1])} for at, part in enumerate(parts)]


def _remembered(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    """A folder as the mirror keeps it, for a sandbox that does not run."""
    prefix = f"{path}/" if path else ""
    below = SandboxFile.objects.filter(sandbox=sandbox, path__startswith=prefix).order_by("path")
    below = below.annotate(rest=Substr("path", len(prefix) + 1))
    found: dict[str, dict[str, Any]] = {}
    # first the folder itself: all that lies deeper would fill the page
    for row in [*below.exclude(rest__contains="/")[:PAGE], *below.filter(rest__contains="/")[:PAGE]]:
        name, slash, _rest = row.path[len(prefix) :].partition("/")
        is_directory = bool(slash) or bool(row.is_directory)
        found.setdefault(
            name,
            {
                "name": name,
                "path": prefix + name,
                "is_directory": is_directory,
                "size": row.size_bytes,
                "modified": row.last_modified,
            },
        )
    return sorted(found.values(), key=lambda entry: (not entry["is_directory"], entry["name"]))


def _address(name: str, sandbox: Sandbox, path: str) -> str:
    return f"{reverse(name, args=[sandbox.pk])}?{urlencode({'path': path})}"


def _back(
    request: HttpRequest, sandbox: Sandbox, folder: str, problem: Problem | None = None, said: str = ""
) -> HttpResponse:
    """On to the folder's page, with what there is to say; HTMX and upload.js get a refusal as a toast."""
    if problem is not None:
        if request.htmx:
            raise problem
        flash(request, problem)
    elif said and not request.htmx:
        messages.success(request, said)
    return HttpResponseRedirect(_address("sandbox:files", sandbox, folder))
