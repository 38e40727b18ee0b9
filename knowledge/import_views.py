"""The pages of documents: bringing them in, how far that is, and what they became."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged

from . import options
from .import_forms import ImportForm
from .models import DocumentStatus, KnowledgeDocument, KnowledgeImport
from .services import documents, imports

# What each state looks like: tag's class and icon.
LOOKS = {
    DocumentStatus.WAITING: ("tag-accent", "clock"),
    DocumentStatus.READING: ("tag-accent", "running"),
    DocumentStatus.INDEXING: ("tag-accent", "running"),
    DocumentStatus.READY: ("tag-success", "check"),
    DocumentStatus.SKIPPED: ("", "skip"),
    DocumentStatus.FAILED: ("tag-danger", "warning"),
}


@form_page
def bring_in(request: HttpRequest) -> HttpResponse:
    """Choose files and addresses; on POST they are taken, and the page of the import follows."""
    if not request.user.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    form = ImportForm(
        request.POST or None, request.FILES or None, initial={"tags": request.GET.get("tag", "")}
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            batch = imports.add_all(
                by=request.user,
                files=[(file.name, file) for file in given["files"]],
                urls=given["urls"],
                tags=given["tags"],
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("knowledge:import", pk=batch.pk)
    return page(
        request,
        "knowledge/import_form.html",
        form=form,
        most=options.file_bytes() // 1_000_000,
        most_bytes=options.file_bytes(),
        status=400 if form.errors else 200,
    )


@require_safe
def import_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An import: how far it is, and each document with its state and reason."""
    batch = get_object_or_404(KnowledgeImport.objects.for_user(request.user), pk=str(pk))
    progress = imports.progress_of([batch])[batch.pk]
    rows = batch.documents.select_related("created_by").defer("shared_passages")
    only_failed = "failed" in request.GET
    if only_failed:
        rows = rows.filter(status=DocumentStatus.FAILED)
    found = paged(request, rows, order=["pk"])
    return page(
        request,
        "knowledge/import.html",
        partial="progress",
        batch=batch,
        progress=progress,
        page=_looked(request, found),
        only_failed=only_failed,
        may_retry=bool(progress.failed) and batch.documents.all().worth_trying().exists(),
    )


@require_POST
def import_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Try again what failed of an import."""
    batch = get_object_or_404(KnowledgeImport.objects.for_user(request.user), pk=str(pk))
    count = imports.retry_import(batch=batch, by=request.user)
    if count:
        said = ngettext("%(count)s document is tried again.", "%(count)s documents are tried again.", count)
        messages.success(request, said % {"count": count})
    else:
        messages.info(request, _("Nothing of it can be tried again: import the files anew."))
    return redirect("knowledge:import", pk=batch.pk)


@require_safe
def document_list(request: HttpRequest) -> HttpResponse:
    """All documents, newest first."""
    rows = KnowledgeDocument.objects.for_user(request.user).exclude(status=DocumentStatus.SKIPPED)
    found = paged(request, rows.select_related("created_by").defer("shared_passages"), order=["-pk"])
    return page(
        request,
        "knowledge/documents.html",
        partial="rows",
        page=_looked(request, found),
        busy=any(row.is_busy for row in found.rows),
        may_add=request.user.has_perm("knowledge.add_knowledge"),
    )


@require_safe
def document_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A document: its state and reason, and its passages in their order."""
    document = _document(request, pk)
    passages = document.passages.defer("embedding").prefetch_related("tags")
    return page(
        request,
        "knowledge/document.html",
        partial="state",
        document=document,
        look=LOOKS[document.status],
        counts=_counts(document.counts),
        twin=_twin(request, document),
        page=paged(request, passages, order=["position"]),
        may_change=document.may_be_changed_by(request.user),
    )


@require_POST
def document_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read a document again."""
    document = _document(request, pk)
    try:
        documents.retry_document(document=document, by=request.user)
    except Forbidden:
        raise
    except Problem as problem:
        flash(request, problem)
    else:
        messages.success(request, _("It will be read now."))
    if request.POST.get("back") == "import" and document.batch_id:
        return redirect("knowledge:import", pk=document.batch_id)
    return redirect("knowledge:document", pk=document.pk)


@form_page
def document_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and on POST delete a document with its passages."""
    document = _document(request, pk)
    if not document.may_be_changed_by(request.user):
        raise Forbidden(_("Only who brought it in or an operator may change this."))
    if request.method != "POST":
        return page(request, "knowledge/document_delete.html", document=document)
    documents.delete_document(document=document, by=request.user)
    messages.success(request, _("Deleted."))
    return redirect("knowledge:documents")


def _document(request: HttpRequest, pk: UUID) -> KnowledgeDocument:
    rows = KnowledgeDocument.objects.for_user(request.user).select_related("created_by", "batch")
    return get_object_or_404(rows.defer("shared_passages"), pk=str(pk))


def _twin(request: HttpRequest, document: KnowledgeDocument) -> KnowledgeDocument | None:
    """The document that holds the same bytes, because of which this one was not read."""
    key = (document.reason_values or {}).get("id")
    return key and KnowledgeDocument.objects.for_user(request.user).filter(pk=key).only("title").first()


def _looked(request: HttpRequest, found: Any) -> Any:
    """The page of documents, each with how it looks and what may be done with it."""
    runs_house = request.user.has_perm("admin.access") and request.user.has_perm("knowledge.change_knowledge")
    for row in found.rows:
        row.look, row.symbol = LOOKS[row.status]
        mine = runs_house or row.created_by_id == request.user.pk
        row.may_retry = mine and row.status == DocumentStatus.FAILED and row.is_worth_trying
    return found


def _counts(counts: Any) -> list[tuple[str, int]]:
    words = {
        "added": _("new"),
        "kept": _("as before"),
        "removed": _("removed"),
        "shared": _("known from elsewhere"),
    }
    return [(word, counts[name]) for name, word in words.items() if (counts or {}).get(name)]
