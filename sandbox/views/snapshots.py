"""Snapshots of a sandbox's files: made, restored, cloned, downloaded, deleted."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, back, form_page, page, paged

from .. import services, snapshots
from ..forms import CloneForm, SnapshotForm, SnapshotSandboxForm
from ..models import SandboxSnapshot, SnapshotStatus
from ..sending import send
from .common import sandbox_of, sandbox_page


@form_page
def snapshot_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: the snapshots of this sandbox; POST: one more."""
    sandbox = sandbox_of(request, pk)
    form = SnapshotForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            snapshots.create_snapshot(sandbox=sandbox, by=request.user, name=form.cleaned_data["name"])
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("sandbox:snapshots", sandbox.pk)
    rows = SandboxSnapshot.objects.for_user(request.user).filter(sandbox=sandbox)
    found = paged(request, rows, order=["-pk"])
    return sandbox_page(
        request,
        sandbox,
        "snapshots",
        form=form,
        page=found,
        under_way=any(row.status == SnapshotStatus.CREATING for row in found.rows),
        status=400 if form.errors else 200,
    )


@form_page
def restore(request: HttpRequest, pk: UUID, snapshot_pk: UUID) -> HttpResponse:
    """Ask, and on POST put the files back as they were."""
    sandbox, snapshot = sandbox_of(request, pk), _snapshot(request, snapshot_pk)
    asked = {"sandbox": sandbox, "snapshot": snapshot}
    if request.method != "POST":
        return page(request, "sandbox/snapshot_restore.html", **asked)
    try:
        snapshots.restore_snapshot(
            snapshot=snapshot,
            sandbox=sandbox,
            by=request.user,
            end_executions="end_executions" in request.POST,
        )
    except Problem as problem:
        said = str(problem.message)
        return page(request, "sandbox/snapshot_restore.html", said=said, status=problem.status, **asked)
    messages.success(request, _("The files are being put back. Every file is verified first."))
    return redirect("sandbox:snapshots", sandbox.pk)


@form_page
def clone_from(request: HttpRequest, pk: UUID, snapshot_pk: UUID) -> HttpResponse:
    """A new sandbox with the files of a snapshot."""
    sandbox, snapshot = sandbox_of(request, pk), _snapshot(request, snapshot_pk)
    form = CloneForm(request.POST or None, initial={"name": snapshot.name})
    if request.method == "POST" and form.is_valid():
        try:
            copy = services.clone_sandbox(
                sandbox=sandbox, by=request.user, name=form.cleaned_data["name"], snapshot=snapshot
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("The copy is being made."))
            return redirect("sandbox:detail", copy.pk)
    return page(
        request,
        "sandbox/small_form.html",
        sandbox=sandbox,
        form=form,
        title=_("New sandbox from the snapshot"),
        verb=_("Create"),
        lead=_("A new sandbox of the same recipe, with the files of this snapshot."),
        status=400 if form.errors else 200,
    )


@require_safe
def outlived_list(request: HttpRequest) -> HttpResponse:
    """What is kept of sandboxes that were deleted."""
    rows = SandboxSnapshot.objects.for_user(request.user).outlived().select_related("sandbox__template")
    return page(request, "sandbox/outlived.html", page=paged(request, rows, order=["-pk"]))


@form_page
def new_from(request: HttpRequest, snapshot_pk: UUID) -> HttpResponse:
    """A new sandbox of a template, with the files of a snapshot whose sandbox is gone."""
    snapshot = _snapshot(request, snapshot_pk)
    before = snapshot.sandbox
    known = {"name": snapshot.name, "template": before.template_id if before else None}
    form = SnapshotSandboxForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.sandbox_of_snapshot(snapshot=snapshot, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("The copy is being made."))
            return redirect("sandbox:detail", made.pk)
    status = 400 if form.errors else 200
    return page(request, "sandbox/outlived_new.html", form=form, snapshot=snapshot, status=status)


@require_safe
def download(request: HttpRequest, snapshot_pk: UUID, pk: UUID | None = None) -> HttpResponse:
    """The archive."""
    place, snapshot = _place(request, pk), _snapshot(request, snapshot_pk)
    try:
        return send(request, snapshots.download_snapshot(snapshot=snapshot, by=request.user))
    except Problem as problem:
        return back(request, *place, problem=problem)


@require_POST
def delete(request: HttpRequest, snapshot_pk: UUID, pk: UUID | None = None) -> HttpResponse:
    """Delete a snapshot with what is stored of it."""
    place, snapshot = _place(request, pk), _snapshot(request, snapshot_pk)
    try:
        snapshots.delete_snapshot(snapshot=snapshot, by=request.user)
    except Problem as problem:
        return back(request, *place, problem=problem)
    messages.success(request, _("Deleted."))
    return redirect(*place)


def _place(request: HttpRequest, pk: UUID | None) -> tuple[str, ...]:
    """The list a snapshot was shown in: that of its sandbox, or of those whose sandbox is gone."""
    return ("sandbox:snapshots", sandbox_of(request, pk).pk) if pk else ("sandbox:outlived",)


def _snapshot(request: HttpRequest, pk: UUID) -> SandboxSnapshot:
    return get_object_or_404(SandboxSnapshot.objects.for_user(request.user), pk=str(pk))
