"""Mappings between domains: proposed by the matcher, written by hand, reviewed by people."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import engines
from agi_site.lib.problems import Conflict, Invalid
from system import queue
from system.services.audit import audit

from ..matching import SHOWN_FROM, Match, match
from ..models import RELATION_TYPES, DomainOntology, KnowledgeDomain, KnowledgeMapping, MappingStatus
from .ontologies import check_may, concepts_of

DECISIONS = {
    "accept": MappingStatus.ACCEPTED,
    "reject": MappingStatus.REJECTED,
    "reopen": MappingStatus.CANDIDATE,
}
MOST_AT_ONCE = 500


@transaction.atomic
def propose_mappings(*, by: Any, source_domain: str, target_domain: str) -> str:
    """Queue the search for mappings between two domains; returns the task's id.

    Raises Forbidden or Invalid (unknown, the same, or an empty domain).
    """
    check_may(by, "add_knowledgemapping")
    _check_domains(source_domain, target_domain)
    for name, field in ((source_domain, "source_domain"), (target_domain, "target_domain")):
        if not DomainOntology.objects.of_domain(name).exists():
            raise Invalid(errors={field: [_("This domain has no concepts yet.")]})
    task = queue.enqueue(
        task_type="transfer.match",
        payload={"source_domain": source_domain, "target_domain": target_domain},
        key=f"transfer.match:{hash_of(source_domain, target_domain)}",
    )
    return str(task.pk)


def hash_of(*names: str) -> str:
    """A short key of some names."""
    from hashlib import sha256

    return sha256("\0".join(names).encode()).hexdigest()[:40]


def find_mappings(*, source_domain: str, target_domain: str, stop: Callable[[], None]) -> dict[str, int]:
    """Match two domains and store what is found; what people have decided stays as they decided it."""
    source, target = concepts_of(source_domain), concepts_of(target_domain)
    found = match(source, target, engine=engines.multilingual(), least=SHOWN_FROM, stop=stop)
    with transaction.atomic():
        list(KnowledgeDomain.objects.select_for_update().filter(name=source_domain))
        return _store(source_domain, target_domain, found)


def _store(source_domain: str, target_domain: str, found: list[Match]) -> dict[str, int]:
    there = KnowledgeMapping.objects.between(source_domain, target_domain)
    decided = {
        (row.source_concept, row.target_concept): row.status
        for row in there.exclude(status=MappingStatus.CANDIDATE)
    }
    taken = {pair for pair, status in decided.items() if status == MappingStatus.ACCEPTED}
    sources, targets = {one for one, _other in taken}, {other for _one, other in taken}
    there.filter(status=MappingStatus.CANDIDATE, reviewed_by=None).delete()
    kept = {(row.source_concept, row.target_concept) for row in there.filter(status=MappingStatus.CANDIDATE)}
    new = [
        KnowledgeMapping(
            source_concept=one.source.name,
            target_concept=one.target.name,
            source_domain=source_domain,
            target_domain=target_domain,
            relation_type=one.relation_type,
            confidence=Decimal(str(one.confidence)),
            parts={"features": one.parts, "shares": one.shares},
        )
        for one in found
        if (one.source.name, one.target.name) not in decided.keys() | kept
        and one.source.name not in sources
        and one.target.name not in targets
    ]
    KnowledgeMapping.objects.bulk_create(new, batch_size=500)
    return {"found": len(found), "proposed": len(new), "decided": len(decided)}


@transaction.atomic
def add_mapping(
    *,
    by: Any,
    source_domain: str,
    source_concept: str,
    target_domain: str,
    target_concept: str,
    relation_type: str = "is_equivalent_to",
    confidence: Any = 1,
) -> KnowledgeMapping:
    """A mapping by hand, accepted at once; raises Forbidden, Invalid or Conflict (it is there already)."""
    check_may(by, "add_knowledgemapping")
    _check_domains(source_domain, target_domain)
    row = KnowledgeMapping(
        source_domain=source_domain,
        target_domain=target_domain,
        source_concept=source_concept,
        target_concept=target_concept,
        relation_type=relation_type,
        confidence=Decimal(str(confidence)),
        status=MappingStatus.ACCEPTED,
        reviewed_by=by,
        reviewed_at=timezone.now(),
    )
    _check_row(row)
    row.save(force_insert=True)
    audit(component="transfer", message=f"mapping {row.pk} was added", by=by)
    return row


@transaction.atomic
def review_mapping(*, mapping: KnowledgeMapping, by: Any, decision: str) -> KnowledgeMapping:
    """X

    Raises Forbidden or Invalid (unknown decision).
    """
    check_may(by, "change_knowledgemapping")
    if decision not in DECISIONS:
        raise Invalid(
            errors={"decision": [_("This is one of: %(known)s.") % {"known": ", ".join(DECISIONS)}]}
        )
    row: KnowledgeMapping = KnowledgeMapping.objects.select_for_update().get(pk=mapping.pk)
    _decide(row, by, DECISIONS[decision])
    return row


@transaction.atomic
def review_surest(*, by: Any, source_domain: str, target_domain: str, least: float) -> int:
    """Accept every proposal between two domains with at least this confidence; returns how many."""
    check_may(by, "change_knowledgemapping")
    rows = KnowledgeMapping.objects.between(source_domain, target_domain).filter(
        status=MappingStatus.CANDIDATE, confidence__gte=Decimal(str(round(least, 4)))
    )
    done = 0
    for row in list(rows.order_by("-confidence", "pk").select_for_update()[:MOST_AT_ONCE]):
        _decide(row, by, MappingStatus.ACCEPTED)
        done += 1
    return done


@transaction.atomic
def change_mapping(
    *,
    mapping: KnowledgeMapping,
    by: Any,
    source_concept: str | None = None,
    target_concept: str | None = None,
    relation_type: str | None = None,
    confidence: Any = None,
) -> KnowledgeMapping:
    """Edit what is not None; a person who puts it right accepts it. Raises Forbidden, Invalid or Conflict."""
    check_may(by, "change_knowledgemapping")
    row: KnowledgeMapping = KnowledgeMapping.objects.select_for_update().get(pk=mapping.pk)
    other = (source_concept or row.source_concept, target_concept or row.target_concept)
    if other != (row.source_concept, row.target_concept):
        row.source_concept, row.target_concept = other
        row.parts, row.confidence = None, Decimal(1)
    if relation_type is not None:
        row.relation_type = relation_type
    if confidence is not None:
        row.confidence = Decimal(str(confidence))
    _check_row(row)
    _decide(row, by, MappingStatus.ACCEPTED)
    return row


@transaction.atomic
def delete_mapping(*, mapping: KnowledgeMapping, by: Any) -> None:
    """Remove a mapping; the matcher may propose it again."""
    check_may(by, "delete_knowledgemapping")
    audit(component="transfer", message=f"mapping {mapping.pk} was deleted", by=by)
    mapping.delete()


def _decide(row: KnowledgeMapping, by: Any, status: str) -> None:
    row.status, row.reviewed_by, row.reviewed_at = status, by, timezone.now()
    if status == MappingStatus.CANDIDATE:
        row.reviewed_by = row.reviewed_at = None
    row.save()
    audit(component="transfer", message=f"mapping {row.pk} is {status} now", by=by)


def _check_domains(source: str, target: str) -> None:
    known = set(KnowledgeDomain.objects.filter(name__in=[source, target]).values_list("name", flat=True))
    errors: dict[str, list[Any]] = {}
    for field, name in (("source_domain", source), ("target_domain", target)):
        if name not in known:
            errors[field] = [_("There is no domain of this name. Make it first.")]
    if not errors and source == target:
        errors["target_domain"] = [_("Take two different domains.")]
    if errors:
        raise Invalid(errors=errors)


def _check_row(row: KnowledgeMapping) -> None:
    errors: dict[str, list[Any]] = {}
    ends = (
        ("source_concept", row.source_domain, row.source_concept),
        ("target_concept", row.target_domain, row.target_concept),
    )
    for field, domain, concept in ends:
        if not DomainOntology.objects.of_domain(domain).filter(concept=concept).exists():
            errors[field] = [_("“%(domain)s” has no concept of this name.") % {"domain": domain}]
    if row.relation_type not in RELATION_TYPES:
        errors["relation_type"] = [_("This is one of: %(known)s.") % {"known": ", ".join(RELATION_TYPES)}]
    if not 0 <= row.confidence <= 1:
        errors["confidence"] = [_("From 0 to 1.")]
    if errors:
        raise Invalid(errors=errors)
    same = KnowledgeMapping.objects.between(row.source_domain, row.target_domain).filter(
        source_concept=row.source_concept, target_concept=row.target_concept
    )
    if same.exclude(pk=row.pk).exists():
        raise Conflict(_("There is a mapping of these two concepts already."), code="mapping_exists")


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a mapping's explanation: what was looked at, how it came out, what that added or took."""

    name: str
    value: float
    share: float


def explain(mapping: KnowledgeMapping) -> list[Share]:
    """What a proposal rests on, the weightiest first; empty for one by hand."""
    parts = mapping.parts if isinstance(mapping.parts, dict) else {}
    features, shares = parts.get("features", {}), parts.get("shares", {})
    if not isinstance(features, dict) or not isinstance(shares, dict):
        return []
    told = [
        Share(name, float(features[name]), float(shares.get(name, 0)) + float(shares.get(f"has_{name}", 0)))
        for name in features
        if not name.startswith(("has_", "is_", "same_")) and features.get(f"has_{name}", 1)
    ]
    return sorted(told, key=lambda one: -abs(one.share))
