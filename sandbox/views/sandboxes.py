"""The list of sandboxes, a new one, and the verbs in the head of each."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import NotFound, Problem
from agi_site.lib.web import add_problem, back, form_page, page, paged

from .. import services, words
from ..forms import CloneForm, CreateForm, ExtendForm, RenameForm
from ..models import Sandbox, SandboxSnapshot, SandboxTemplate
from ..usage_samples import latest_of
from .common import BUTTONS, head_of, sandbox_of
from .engine import what_is_missing


@require_safe
def sandbox_list(request: HttpRequest) -> HttpResponse:
    """A person's sandboxes, the newest first, with what they use now."""
    rows = Sandbox.objects.for_user(request.user).shown().select_related("template", "resource")
    found = paged(request, rows, order=["-pk"])
    samples = latest_of(found.rows)
    for row in found.rows:
        row.state = words.state_of(row)
        row.cause_text = words.cause_of(row)
        row.sample = samples.get(row.pk)
    quota = services.quota_of(request.user)
    return page(
        request,
        "sandbox/list.html",
        "rows",
        page=found,
        quota=quota,
        quota_used=words.hours(quota.seconds),
        quota_most=words.hours(quota.most_seconds),
        outlived=SandboxSnapshot.objects.for_user(request.user).outlived().exists(),
        missing=what_is_missing(),
    )


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """The templates as cards; one click on a card makes a sandbox of it."""
    templates = [
        _card(template) for template in SandboxTemplate.objects.filter(is_active=True).order_by("name")
    ]
    return page(request, "sandbox/new.html", templates=templates, missing=what_is_missing())


@form_page
def create(request: HttpRequest, template_pk: UUID) -> HttpResponse:
    """Make a sandbox of a template: at once by the card's button, or with a name and more from the form."""
    template = get_object_or_404(SandboxTemplate.objects.filter(is_active=True), pk=str(template_pk))
    card = _card(template)
    form = CreateForm(request.POST or None, defaults=card["limits"])
    if request.method == "POST" and "at_once" in request.POST:
        try:
            sandbox = services.create_sandbox(owner=request.user, template=template)
        except Problem as problem:
            return back(request, "sandbox:new", problem=problem)
        return redirect("sandbox:detail", sandbox.pk)
    if request.method == "POST" and form.is_valid():
        try:
            sandbox = services.create_sandbox(owner=request.user, template=template, **form.wishes())
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("sandbox:detail", sandbox.pk)
    return page(
        request,
        "sandbox/create.html",
        form=form,
        card=card,
        missing=what_is_missing(),
        status=400 if form.errors else 200,
    )


def _card(template: SandboxTemplate) -> dict[str, Any]:
    """A template as its card shows it; one that an operator broke is shown without its figures."""
    try:
        limits = services.defaults_of(template).limits
    except Problem:
        return {"template": template, "limits": None, "figures": []}
    return {"template": template, "limits": limits, "figures": words.figures_of(limits)}


@require_safe
def head(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The head alone: its state and its verbs change while the page is open."""
    return page(
        request,
        "sandbox/includes/head.html",
        tab=request.GET.get("tab", ""),
        **head_of(sandbox_of(request, pk)),
    )


@require_POST
def verb(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """Ask for a verb; a worker does it, and the head shows how far it is."""
    sandbox = sandbox_of(request, pk)
    if name not in BUTTONS:
        raise NotFound
    try:
        services.do_verb(sandbox=sandbox, verb=name, by=request.user)
    except Problem as problem:
        return back(request, "sandbox:detail", sandbox.pk, problem=problem)
    if request.htmx:
        return page(
            request,
            "sandbox/includes/head.html",
            tab=request.POST.get("tab", ""),
            **head_of(sandbox_of(request, pk)),
        )
    return redirect("sandbox:detail", sandbox.pk)


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, and on POST destroy the sandbox with its files."""
    sandbox = sandbox_of(request, pk)
    if request.method != "POST":
        return page(request, "sandbox/delete.html", sandbox=sandbox)
    services.do_verb(sandbox=sandbox, verb="delete", by=request.user)
    messages.success(request, _("The sandbox is being deleted."))
    return redirect("sandbox:list")


@form_page
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give it another name."""
    sandbox = sandbox_of(request, pk)
    form = RenameForm(request.POST or None, initial={"name": sandbox.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_sandbox(sandbox=sandbox, by=request.user, name=form.cleaned_data["name"])
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("sandbox:detail", sandbox.pk)
    return _small_form(request, sandbox, form, _("Rename the sandbox"), _("Rename"))


@form_page
def extend(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose when it expires."""
    sandbox = sandbox_of(request, pk)
    form = ExtendForm(request.POST or None, now=words.expiry_of(sandbox))
    if request.method == "POST" and form.is_valid():
        try:
            if form.changes():
                seconds = form.cleaned_data["seconds"]
                services.extend_sandbox(sandbox=sandbox, by=request.user, seconds=seconds)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("sandbox:detail", sandbox.pk)
    return _small_form(
        request,
        sandbox,
        form,
        _("When the sandbox expires"),
        _("Save"),
        _("Then it is deleted with its files; snapshots stay."),
    )


@form_page
def clone(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Another sandbox with a copy of the files."""
    sandbox = sandbox_of(request, pk)
    form = CloneForm(
        request.POST or None, initial={"name": _("Copy of %(name)s") % {"name": words.title_of(sandbox)}}
    )
    if request.method == "POST" and form.is_valid():
        try:
            copy = services.clone_sandbox(sandbox=sandbox, by=request.user, name=form.cleaned_data["name"])
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("The copy is being made."))
            return redirect("sandbox:detail", copy.pk)
    return _small_form(
        request,
        sandbox,
        form,
        _("Clone the sandbox"),
        _("Clone"),
        _("A new sandbox of the same recipe, with a copy of the files as they are now."),
    )


def _small_form(
    request: HttpRequest, sandbox: Sandbox, form: Any, title: str, verb: str, lead: str = ""
) -> HttpResponse:
    return page(
        request,
        "sandbox/small_form.html",
        sandbox=sandbox,
        form=form,
        title=title,
        verb=verb,
        lead=lead,
        status=400 if form.errors else 200,
    )
