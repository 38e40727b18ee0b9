"""What waits for consent, and deciding it: with a word, with other arguments, or by somebody else."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agi_site.lib import targets
from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, flash, page, paged

from .. import services
from ..forms import ArgumentsForm, DelegateForm, NoteForm
from ..models import QUESTION, Approval, Tool
from ..schemas import json_schema

SIZE = 20
MOST_COUNTED = 99
PART = "tools/includes/approval.html"


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits for this person's word, the oldest first; with `?decided` what has been decided."""
    decided = "decided" in request.GET
    if decided:
        rows = Approval.objects.for_user(request.user).exclude(status="pending")
        found = paged(
            request, rows.select_related("user", "decided_by", "delegate"), order=["-pk"], size=SIZE
        )
    else:
        rows = Approval.objects.decidable_by(request.user)
        found = paged(request, rows.select_related("user", "delegate"), order=["pk"], size=SIZE)
        for row in found.rows:
            row.is_mine = True
    return page(request, "tools/approvals.html", partial="rows", page=found, decided=decided)


@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """How many questions wait for this person; a small piece of the navigation."""
    waiting = Approval.objects.decidable_by(request.user).values_list("pk")[: MOST_COUNTED + 1]
    return page(request, "tools/includes/count.html", count=len(waiting), most=MOST_COUNTED)


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One question, with everything one can answer."""
    return _shown(request, _approval(request, pk))


@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Agree; with `edited` the arguments of the form take the place of those proposed."""
    approval = _approval(request, pk)
    form = note = None
    arguments: Any = None
    if "edited" in request.POST:
        form = arguments_form(approval, request.POST)
        if form is None or not form.is_valid():
            return _shown(request, approval, form=form, status=400)
        question = {} if approval.of_tool else approval.arguments or {}
        arguments = {**{name: question[name] for name in QUESTION if name in question}, **form.arguments()}
    note = request.POST.get("note", "")[:500]
    try:
        services.approve(approval=approval, by=request.user, arguments=arguments, note=note)
    except Problem as problem:
        if form is not None and problem.errors:
            add_problem(form, problem)
            return _shown(request, approval, form=form, status=400)
        return _refused(request, approval, problem)
    return _decided(request, approval, _("Allowed. It goes on."))


@require_POST
def reject(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Refuse, with a reason if one likes."""
    approval = _approval(request, pk)
    note = NoteForm(request.POST)
    if not note.is_valid():
        return _shown(request, approval, note=note, status=400)
    try:
        services.reject(approval=approval, by=request.user, note=note.cleaned_data["note"])
    except Problem as problem:
        return _refused(request, approval, problem)
    return _decided(request, approval, _("Rejected. It will not run."))


@require_http_methods(["POST"])
def delegate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hand the question to somebody else."""
    approval = _approval(request, pk)
    form = DelegateForm(request.POST)
    if form.is_valid():
        try:
            services.delegate_to(approval=approval, by=request.user, delegate=form.cleaned_data["username"])
        except Forbidden as problem:
            return _refused(request, approval, problem)
        except Problem as problem:
            for faults in problem.errors.values() or [[problem.message]]:
                form.add_error("username", [str(fault) for fault in faults])
        else:
            messages.success(request, _("Handed on. You will see here what was decided."))
            return redirect("approvals:inbox")
    return _shown(request, approval, delegate=form, status=400)


def arguments_form(approval: Approval, data: Any = None) -> ArgumentsForm | None:
    """The form of the arguments that are asked about; None where there is nothing to be changed."""
    schema = None
    if approval.of_tool:
        tool = Tool.objects.with_parameters().filter(executions=approval.target_id).first()
        schema = {} if tool is None else json_schema(tool.parameters.all())
    form = ArgumentsForm(data, schema=schema, given=approval.subject, prefix=f"arg-{approval.pk}")
    return form if form.fields else None


def _shown(request: HttpRequest, approval: Approval, *, status: int = 200, **forms: Any) -> HttpResponse:
    approval.refresh_from_db()
    context = {
        "approval": approval,
        "approval_form": forms.get("form"),
        "approval_note": forms.get("note") or NoteForm(),
    }
    if request.htmx:
        # A form that comes back with its faults is shown where it stood.
        return page(request, PART, **context, open_form=bool(forms.get("form")))
    may = Approval.objects.decidable_by(request.user).filter(pk=approval.pk).exists()
    return page(
        request,
        "tools/approval.html",
        delegate_form=forms.get("delegate") or DelegateForm(),
        may_decide=may,
        run_address=targets.address(
            target_type=approval.target_type, target_id=approval.target_id, user=request.user
        ),
        open_form=True,
        status=status,
        **context,
    )


def _refused(request: HttpRequest, approval: Approval, problem: Problem) -> HttpResponse:
    if request.htmx:
        raise problem
    flash(request, problem)
    return redirect("approvals:detail", approval.pk)


def _decided(request: HttpRequest, approval: Approval, said: str) -> HttpResponse:
    if request.htmx:
        response = page(request, PART, approval=approval)
        response.headers["HX-Trigger"] = "approvals-changed"
        return response
    messages.success(request, said)
    there = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()}):
        there = reverse("approvals:inbox")
    return redirect(there)


def _approval(request: HttpRequest, pk: UUID) -> Approval:
    rows = Approval.objects.for_user(request.user).select_related("user", "delegate", "decided_by")
    found: Approval = get_object_or_404(rows, pk=str(pk))
    return found
