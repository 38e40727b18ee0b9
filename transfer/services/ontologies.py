"""Domains and their concepts: by hand, from files, to files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Conflict, Forbidden, Invalid
from system.services.audit import audit

from .. import formats
from ..concepts import (
    LONGEST_DEFINITION,
    LONGEST_NAME,
    MOST_LABELS,
    MOST_RELATIONSHIPS,
    Concept,
    ConceptKind,
    Ontology,
    stored_attributes,
    stored_relationships,
)
from ..formats.limits import MOST_CONCEPTS, folded
from ..models import ConceptRelation, DomainOntology, KnowledgeDomain

BATCH = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, in numbers of concepts."""

    domain: KnowledgeDomain
    added: int
    changed: int
    unchanged: int
    removed: int


def check_may(user: Any, permission: str) -> None:
    """Raise Forbidden unless `user` holds the permission of this app; the program itself (None) may."""
    if user is not None and not user.has_perm(f"transfer.{permission}"):
        raise Forbidden


# --- Domains ----------------------------------------------------------------------------------------------
@transaction.atomic
def add_domain(
    *, by: Any, name: str, title: str = "", description: str = "", iri: str = ""
) -> KnowledgeDomain:
    """A new, empty domain; raises Forbidden, Invalid or Conflict (the name is taken)."""
    check_may(by, "add_knowledgedomain")
    name = " ".join(plain_json.repaired(name).split())
    if not name or len(name) > 100:
        raise Invalid(errors={"name": [_("A domain needs a name of at most 100 characters.")]})
    if KnowledgeDomain.objects.filter(name=name).exists():
        raise Conflict(_("There is a domain of this name already."), code="domain_exists")
    domain: KnowledgeDomain = KnowledgeDomain.objects.create(
        name=name, title=title[:255], description=description, iri=iri[:500], created_by=by
    )
    return domain


@transaction.atomic
def change_domain(
    *, domain: KnowledgeDomain, by: Any, title: str | None = None, description: str | None = None
) -> KnowledgeDomain:
    """Change what a domain says of itself; its name stays, for passages and mappings go by it."""
    check_may(by, "change_knowledgedomain")
    if title is not None:
        domain.title = title[:255]
    if description is not None:
        domain.description = description
    domain.save(update_fields=["title", "description", "updated_at"])
    return domain


@transaction.atomic
def delete_domain(*, domain: KnowledgeDomain, by: Any) -> None:
    """Remove a domain with its concepts; its passages and mappings stay."""
    check_may(by, "delete_knowledgedomain")
    DomainOntology.objects.of_domain(domain.name).delete()
    audit(component="transfer", message=f"domain {domain.name} was deleted", by=by)
    domain.delete()


def domain_named(name: str, *, make: bool = False) -> KnowledgeDomain:
    """The domain's row, locked until the transaction ends; raises Invalid if there is none.

    `make`: for concepts that stand in the table already, written before domains had rows.
    """
    if make:
        KnowledgeDomain.objects.get_or_create(name=name)
    domain: KnowledgeDomain | None = KnowledgeDomain.objects.select_for_update().filter(name=name).first()
    if domain is None:
        raise Invalid(errors={"domain": [_("There is no domain of this name. Make it first.")]})
    return domain


# --- Concepts ---------------------------------------------------------------------------------------------
@transaction.atomic
def save_concept(
    *, by: Any, domain: str, concept: Concept, row: DomainOntology | None = None
) -> DomainOntology:
    """Store a concept, new or (with `row`) changed; a new name is followed by what points to the old one.

    Raises Forbidden, Invalid or Conflict.
    """
    check_may(by, "change_domainontology" if row else "add_domainontology")
    place = domain_named(domain, make=row is not None)
    _check_concept(concept)
    others = DomainOntology.objects.of_domain(domain)
    taken = others.filter(concept=concept.name).exclude(pk=row.pk if row else "")
    if taken.exists():
        raise Conflict(_("This domain has a concept of this name already."), code="concept_exists")
    if row is None and place.concept_count >= MOST_CONCEPTS:
        raise Invalid(_("Too many concepts: a domain may have at most %(most)s.") % {"most": MOST_CONCEPTS})
    before = row.concept if row else ""
    row = row or DomainOntology(domain=domain)
    _fill(row, concept)
    row.save()
    _mirror([row])
    if before and before != concept.name:
        _follow(domain, before, concept.name)
    _count(place)
    return row


@transaction.atomic
def delete_concept(*, row: DomainOntology, by: Any) -> None:
    """Remove a concept and what other concepts say of it."""
    check_may(by, "delete_domainontology")
    place = domain_named(row.domain, make=True)
    _follow(row.domain, row.concept, "")
    row.delete()
    _count(place)


def concepts_of(domain: str) -> list[Concept]:
    """All concepts of a domain, by name."""
    rows = DomainOntology.objects.of_domain(domain).order_by("concept")
    return [row.as_concept for row in rows.iterator(BATCH)]


# --- Files ------------------------------------------------------------------------------------------------
def import_file(*, by: Any, domain: str, name: str, data: bytes, replace: bool = False) -> Imported:
    """Read a file into a domain, which is made if it is missing; `replace` removes what the file lacks.

    Raises Forbidden, Invalid or TooLarge; then nothing has changed.
    """
    check_may(by, "add_domainontology")
    check_may(by, "change_domainontology")
    return import_ontology(by=by, domain=domain, ontology=formats.read(name, data), replace=replace)


@transaction.atomic
def import_ontology(*, by: Any, domain: str, ontology: Ontology, replace: bool = False) -> Imported:
    """Store the concepts of an ontology; those that are the same as before stay untouched."""
    domain = " ".join(domain.split())
    if not KnowledgeDomain.objects.filter(name=domain).exists():
        add_domain(
            by=by, name=domain, title=ontology.title, description=ontology.description, iri=ontology.iri
        )
    place = domain_named(domain)
    there = {folded(row.concept): row for row in DomainOntology.objects.of_domain(place.name)}
    new: list[DomainOntology] = []
    changed: list[DomainOntology] = []
    for concept in ontology.concepts:
        _check_concept(concept)
        row = there.pop(folded(concept.name), None)
        if row is None:
            row = DomainOntology(domain=place.name)
            _fill(row, concept)
            new.append(row)
        elif _differs(row, concept):
            _fill(row, concept)
            changed.append(row)
    DomainOntology.objects.bulk_create(new, batch_size=BATCH)
    fields = ["concept", "definition", "relationships", "attributes", "updated_at"]
    DomainOntology.objects.bulk_update(changed, fields, batch_size=100)
    _mirror([*new, *changed])
    removed = 0
    if replace:
        for at in range(0, len(there), BATCH):
            keys = [row.pk for row in list(there.values())[at : at + BATCH]]
            removed += DomainOntology.objects.filter(pk__in=keys).delete()[0] and len(keys)
    _count(place)
    if place.concept_count > MOST_CONCEPTS:
        raise Invalid(_("Too many concepts: a domain may have at most %(most)s.") % {"most": MOST_CONCEPTS})
    same = len(ontology.concepts) - len(new) - len(changed)
    audit(
        component="transfer", message=f"{len(ontology.concepts)} concepts were read into {place.name}", by=by
    )
    return Imported(place, len(new), len(changed), same, removed)


def export_domain(*, domain: KnowledgeDomain, to: str) -> bytes:
    """The domain as a file; `to` is one of `formats.WRITTEN`. Raises Invalid."""
    told = Ontology(
        concepts=tuple(concepts_of(domain.name)),
        title=domain.title or domain.name,
        description=domain.description or "",
        iri=domain.iri or "",
    )
    return formats.write(told, to)


# --- Parts ------------------------------------------------------------------------------------------------
def _check_concept(concept: Concept) -> None:
    errors: dict[str, list[Any]] = {}
    if not concept.name.strip() or len(concept.name) > LONGEST_NAME:
        errors["concept"] = [
            _("A concept needs a name of at most %(most)s characters.") % {"most": LONGEST_NAME}
        ]
    if len(concept.definition) > LONGEST_DEFINITION:
        errors["definition"] = [_("At most %(most)s characters.") % {"most": LONGEST_DEFINITION}]
    if concept.kind not in ConceptKind.values:
        errors["kind"] = [_("There are these kinds: %(known)s.") % {"known": ", ".join(ConceptKind.values)}]
    pairs = concept.relationships
    if len(pairs) > MOST_RELATIONSHIPS or any(
        not type_ or not target or len(type_) > LONGEST_NAME or len(target) > LONGEST_NAME
        for type_, target in pairs
    ):
        errors["relationships"] = [
            _("At most %(most)s, each with a type and a target of at most 255 characters.")
            % {"most": MOST_RELATIONSHIPS}
        ]
    if len(concept.labels) > MOST_LABELS:
        errors["labels"] = [_("At most %(most)s other names.") % {"most": MOST_LABELS}]
    if errors:
        raise Invalid(errors=errors)
    plain_json.check(dict(concept.attributes), field="attributes")


def _fill(row: DomainOntology, concept: Concept) -> None:
    row.concept = concept.name.strip()
    row.definition = plain_json.repaired(concept.definition)
    row.relationships = stored_relationships(concept.relationships)
    row.attributes = stored_attributes(concept)
    row.updated_at = timezone.now()


def _differs(row: DomainOntology, concept: Concept) -> bool:
    return (
        row.concept != concept.name
        or row.definition != plain_json.repaired(concept.definition)
        or row.relationships != stored_relationships(concept.relationships)
        or row.attributes != stored_attributes(concept)
    )


def _mirror(rows: Sequence[DomainOntology]) -> None:
    """Bring the companion rows of these concepts in line with their relationships."""
    for at in range(0, len(rows), BATCH):
        batch = rows[at : at + BATCH]
        ConceptRelation.objects.filter(concept__in=[row.pk for row in batch]).delete()
        links = [
            ConceptRelation(concept=row, domain=row.domain, type=type_, target=target)
            for row in batch
            for type_, target in row.as_concept.relationships
        ]
        ConceptRelation.objects.bulk_create(links, batch_size=BATCH)


def mirror(row: DomainOntology) -> None:
    """Bring the companion rows of a concept that was saved elsewhere (the admin) in line."""
    _mirror([row])
    place, _made = KnowledgeDomain.objects.get_or_create(name=row.domain)
    _count(place)


def _follow(domain: str, old: str, new: str) -> None:
    """What pointed to `old` points to `new`, or to nothing where that is ""."""
    pointing = DomainOntology.objects.of_domain(domain).filter(
        pk__in=ConceptRelation.objects.filter(domain=domain, target=old).values("concept")
    )
    rows = list(pointing)
    for row in rows:
        pairs = [(type_, new if target == old else target) for type_, target in row.as_concept.relationships]
        row.relationships = stored_relationships(pair for pair in pairs if pair[1])
        row.save(update_fields=["relationships", "updated_at"])
    _mirror(rows)


def _count(place: KnowledgeDomain) -> None:
    rows: QuerySet[Any, Any] = DomainOntology.objects.of_domain(place.name)
    place.concept_count = rows.count()
    place.save(update_fields=["concept_count", "updated_at"])


def draft(
    *,
    name: str,
    kind: str = "class",
    definition: str = "",
    labels: Iterable[str] = (),
    relationships: Iterable[tuple[str, str]] = (),
    attributes: Mapping[str, Any] | None = None,
    iri: str = "",
) -> Concept:
    """A concept from what a door was given, tidied."""
    tidy = (" ".join(plain_json.repaired(label).split()) for label in labels)
    return Concept(
        name=" ".join(plain_json.repaired(name).split()),
        kind=kind,  # type: ignore[arg-type]
        definition=definition.strip(),
        labels=tuple(dict.fromkeys(label[:LONGEST_NAME] for label in tidy if label)),
        iri=iri.strip()[:500],
        relationships=tuple(
            dict.fromkeys((type_.strip(), target.strip()) for type_, target in relationships)
        ),
        attributes=dict(attributes or {}),
    )
