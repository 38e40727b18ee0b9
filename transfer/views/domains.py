"""The pages of domains and their concepts."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from agi_site.lib import markdown
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, form_page, page, paged
from knowledge.models import Knowledge

from .. import formats, graph, services
from ..api import exported
from ..concepts import RELATIONSHIP_NAMES, ConceptKind
from ..forms import ConceptForm, DomainForm, ImportForm, initial_of_concept
from ..models import DomainOntology, KnowledgeDomain
from .common import ask_to_delete, need, row_of

ORDER = ["concept", "pk"]


@require_safe
def domain_list(request: HttpRequest) -> HttpResponse:
    """All domains, by name."""
    rows = KnowledgeDomain.objects.for_user(request.user)
    return page(
        request,
        "transfer/domains.html",
        page=paged(request, rows, order=["name", "pk"]),
        may_add=request.user.has_perm("transfer.add_knowledgedomain"),
    )


@form_page
def add(request: HttpRequest) -> HttpResponse:
    """A new domain, to be filled by hand."""
    need(request, "add_knowledgedomain")
    form = DomainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            domain = services.add_domain(by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("transfer:domain", pk=domain.pk)
    return _form(request, form, _("New domain"), "transfer:list")


@form_page
def import_file(request: HttpRequest) -> HttpResponse:
    """An ontology from a file."""
    need(request, "add_domainontology")
    form = ImportForm(
        request.POST or None, request.FILES or None, initial={"domain": request.GET.get("domain", "")}
    )
    if request.method == "POST" and form.is_valid():
        given, file = form.cleaned_data, form.cleaned_data["file"]
        try:
            done = services.import_file(
                by=request.user,
                domain=given["domain"],
                name=file.name,
                data=file.read(formats.limits.MOST_BYTES + 1),
                replace=given["replace"],
            )
        except Problem as problem:
            add_problem(form, problem)
        else:
            text = _(
                "%(added)s concepts added, %(changed)s changed, %(same)s as before, %(removed)s removed."
            )
            counts = {
                "added": done.added,
                "changed": done.changed,
                "same": done.unchanged,
                "removed": done.removed,
            }
            messages.success(request, text % counts)
            return redirect("transfer:domain", pk=done.domain.pk)
    return _form(request, form, _("Import an ontology"), "transfer:list", upload=True)


def _form(
    request: HttpRequest, form: Any, title: str, back: str, *args: Any, upload: bool = False
) -> HttpResponse:
    context = {"form": form, "title": title, "back": back, "back_args": args, "upload": upload}
    return page(request, "transfer/form.html", **context)


@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The concepts of a domain, by name; `?q=` keeps those that begin so, `?kind=` a kind."""
    domain = row_of(request, KnowledgeDomain, pk)
    query = request.GET.get("q", "").strip()[:200]
    rows = DomainOntology.objects.for_user(request.user).of_domain(domain.name)
    if query:
        rows = rows.filter(concept__icontains=query)
    return page(
        request,
        "transfer/domain.html",
        partial="rows",
        domain=domain,
        query=query,
        page=paged(request, rows.defer("relationships"), order=ORDER, size=50),
        kinds=dict(ConceptKind.choices),
        formats=formats.WRITTEN,
        tag=services.tag_of(domain.name),
        may_add=request.user.has_perm("transfer.add_domainontology"),
        may_delete=request.user.has_perm("transfer.delete_knowledgedomain"),
        sees_knowledge=not Knowledge.objects.for_user(request.user).query.is_empty(),
    )


@require_safe
def export(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The domain as a file: `?to=owl|turtle|skos|csv`."""
    return exported(row_of(request, KnowledgeDomain, pk), request.GET.get("to", "owl"))


@form_page
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a domain and its concepts, after asking."""
    domain = row_of(request, KnowledgeDomain, pk)
    need(request, "delete_knowledgedomain")
    if request.method == "POST":
        services.delete_domain(domain=domain, by=request.user)
        return redirect("transfer:list")
    return ask_to_delete(
        request,
        title=_("Delete this domain?"),
        name=domain.name,
        text=_("Its concepts go with it. Passages and mappings stay."),
        back="transfer:domain",
        pk=domain.pk,
    )


@require_safe
def concept(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A concept with what is next to it."""
    row = row_of(request, DomainOntology, pk)
    out, back = graph.neighbours(row)
    for link in (*out, *back):
        link["word"] = RELATIONSHIP_NAMES.get(link["type"], link["type"])
    told = row.as_concept
    return page(
        request,
        "transfer/concept.html",
        row=row,
        concept=told,
        kind=ConceptKind(told.kind).label,
        definition=markdown.render(row.definition),
        domain=KnowledgeDomain.objects.filter(name=row.domain).first(),
        out=out,
        back=back,
        drawing=graph.draw(row, out, back),
        may_change=request.user.has_perm("transfer.change_domainontology"),
    )


@form_page
def concept_add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new concept by hand."""
    domain = row_of(request, KnowledgeDomain, pk)
    need(request, "add_domainontology")
    return _concept_form(request, ConceptForm(request.POST or None), domain.name, None, domain.pk)


@form_page
def concept_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a concept."""
    row = row_of(request, DomainOntology, pk)
    need(request, "change_domainontology")
    form = ConceptForm(request.POST or None, initial=initial_of_concept(row))
    return _concept_form(request, form, row.domain, row, row.pk)


def _concept_form(
    request: HttpRequest, form: ConceptForm, domain: str, row: DomainOntology | None, back: str
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        kept = {k: v for k, v in row.as_concept.attributes.items() if not isinstance(v, str)} if row else {}
        given["attributes"] = kept | given["attributes"]
        draft = services.draft(name=given.pop("concept"), iri=row.as_concept.iri if row else "", **given)
        try:
            saved = services.save_concept(by=request.user, domain=domain, concept=draft, row=row)
        except Problem as problem:
            add_problem(form, problem)
        else:
            return redirect("transfer:concept", pk=saved.pk)
    title = _("Edit concept") if row else _("New concept")
    return _form(request, form, title, "transfer:concept" if row else "transfer:domain", back)


@form_page
def concept_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a concept, after asking."""
    row = row_of(request, DomainOntology, pk)
    need(request, "delete_domainontology")
    if request.method == "POST":
        domain = KnowledgeDomain.objects.filter(name=row.domain).first()
        services.delete_concept(row=row, by=request.user)
        return redirect("transfer:domain", pk=domain.pk) if domain else redirect("transfer:list")
    return ask_to_delete(
        request,
        title=_("Delete this concept?"),
        name=row.concept,
        text=_("What other concepts say of it goes with it."),
        back="transfer:concept",
        pk=row.pk,
    )
