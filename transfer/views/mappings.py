"""The review of mappings."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged

from .. import services
from ..forms import MappingForm, ProposeForm
from ..models import DomainOntology, KnowledgeMapping, MappingStatus
from .common import need, row_of

PART_WORDS: dict[str, Any] = {
    "label": gettext_lazy("same name"),
    "words": gettext_lazy("words in common"),
    "spelling": gettext_lazy("spelling"),
    "head": gettext_lazy("last word"),
    "meaning": gettext_lazy("meaning"),
    "parents": gettext_lazy("what they are kinds of"),
    "children": gettext_lazy("what are kinds of them"),
    "attributes": gettext_lazy("what belongs to them"),
    "ends": gettext_lazy("what they connect"),
}
SUREST = 0.9
LEAST_SHARE = 0.05  # what weighs less is not worth a line


@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """Mappings, the surest first; `?from=`, `?to=` keep two domains, `?status=` a state."""
    source, target = (request.GET.get(name, "").strip()[:100] for name in ("from", "to"))
    status = request.GET.get("status", MappingStatus.CANDIDATE)
    rows = KnowledgeMapping.objects.for_user(request.user).select_related("reviewed_by")
    if source:
        rows = rows.filter(source_domain=source)
    if target:
        rows = rows.filter(target_domain=target)
    if status in MappingStatus.values:
        rows = rows.filter(status=status)
    found = paged(request, rows, order=["-confidence", "-pk"], size=25)
    _explained(request, found.rows)
    return page(
        request,
        "transfer/mappings.html",
        partial="rows",
        page=found,
        source=source,
        target=target,
        state=status,
        statuses=MappingStatus.choices,
        form=ProposeForm(user=request.user),
        surest=SUREST,
        may_change=request.user.has_perm("transfer.change_knowledgemapping"),
        may_add=request.user.has_perm("transfer.add_knowledgemapping"),
    )


def _explained(request: HttpRequest, rows: list[Any]) -> None:
    """Give each row its explanation in words, and the definitions of its two concepts, in one query."""
    names = {row.source_concept for row in rows} | {row.target_concept for row in rows}
    domains = {row.source_domain for row in rows} | {row.target_domain for row in rows}
    concepts = DomainOntology.objects.for_user(request.user).filter(domain__in=domains, concept__in=names)
    known = {(one.domain, one.concept): one for one in concepts.only("domain", "concept", "definition")}
    for row in rows:
        row.percent = round(row.confidence * 100)
        row.parts_told = [
            {
                "word": PART_WORDS.get(part.name, part.name),
                "value": f"{part.value:.2f}".replace("-0.00", "0.00"),
                "for": part.share >= 0,
                "share": f"{part.share:+.1f}",
            }
            for part in services.explain(row)
            if abs(part.share) >= LEAST_SHARE
        ]
        row.source_row = known.get((row.source_domain, row.source_concept))
        row.target_row = known.get((row.target_domain, row.target_concept))


@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Look for mappings between two domains."""
    need(request, "add_knowledgemapping")
    form = ProposeForm(request.POST, user=request.user)
    if not form.is_valid():
        messages.error(request, _("Choose two domains."))
        return redirect("transfer:mappings")
    source, target = form.cleaned_data["source"].name, form.cleaned_data["target"].name
    try:
        services.propose_mappings(by=request.user, source_domain=source, target_domain=target)
    except Problem as problem:
        flash(request, problem)
    else:
        messages.success(request, _("The two domains are being compared. Proposals appear here in a moment."))
    return redirect(f"{reverse('transfer:mappings')}?{_query(source, target)}")


def _query(source: str, target: str) -> str:
    query = QueryDict(mutable=True)
    query.update({"from": source, "to": target})
    return query.urlencode()


@require_POST
def accept_surest(request: HttpRequest) -> HttpResponse:
    """Accept the proposals between two domains that are nearly certain."""
    need(request, "change_knowledgemapping")
    source, target = request.POST.get("from", ""), request.POST.get("to", "")
    count = services.review_surest(by=request.user, source_domain=source, target_domain=target, least=SUREST)
    messages.success(request, _("%(count)s accepted.") % {"count": count})
    return redirect(f"{reverse('transfer:mappings')}?{_query(source, target)}")


@require_POST
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept, reject or reopen; HTMX gets the row anew."""
    mapping = row_of(request, KnowledgeMapping, pk)
    need(request, "change_knowledgemapping")
    row = services.review_mapping(mapping=mapping, by=request.user, decision=request.POST.get("decision", ""))
    if getattr(request, "htmx", None):
        _explained(request, [row])
        return page(request, "transfer/mappings.html", partial="row", row=row, may_change=True)
    return redirect(f"{reverse('transfer:mappings')}?{_query(row.source_domain, row.target_domain)}")


@form_page
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a mapping right, which accepts it."""
    row = row_of(request, KnowledgeMapping, pk)
    need(request, "change_knowledgemapping")
    initial = {name: getattr(row, name) for name in ("source_concept", "target_concept", "relation_type")}
    form = MappingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_mapping(mapping=row, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Stored and accepted."))
            return redirect(f"{reverse('transfer:mappings')}?{_query(row.source_domain, row.target_domain)}")
    lead = _("From “%(source)s” to “%(target)s”. Saving accepts it.")
    return page(
        request,
        "transfer/form.html",
        form=form,
        title=_("Edit mapping"),
        lead=lead % {"source": row.source_domain, "target": row.target_domain},
        back="transfer:mappings",
        back_args=(),
    )
