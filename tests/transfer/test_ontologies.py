"""Domains and concepts: import, by hand, renaming, export, and who may."""

from typing import Any

import pytest

from agi_site.lib.problems import Conflict, Forbidden, Invalid
from transfer import services
from transfer.concepts import Concept, Ontology
from transfer.models import ConceptRelation, DomainOntology, KnowledgeDomain

pytestmark = pytest.mark.django_db


def test_an_import_adds_then_changes_only_what_differs_and_removes_when_asked(
    shop: Any, operator: Any
) -> None:
    assert shop.concept_count == 4
    again = Ontology(
        (
            Concept("Customer", definition="Somebody who buys."),
            Concept("Order", definition="What a customer asks for."),
            Concept("Gift"),
        )
    )
    done = services.import_ontology(by=operator, domain="shop", ontology=again)
    assert (done.added, done.changed, done.unchanged, done.removed) == (1, 1, 1, 0)
    done = services.import_ontology(by=operator, domain="shop", ontology=again, replace=True)
    assert (done.added, done.changed, done.unchanged, done.removed) == (0, 0, 3, 2)
    assert set(DomainOntology.objects.of_domain("shop").values_list("concept", flat=True)) == {
        "Customer",
        "Order",
        "Gift",
    }
    assert not ConceptRelation.objects.filter(domain="shop").exists()


def test_a_new_name_is_followed_by_what_points_to_the_old_one(shop: Any, operator: Any) -> None:
    row = DomainOntology.objects.get(concept="Customer")
    services.save_concept(by=operator, domain="shop", concept=Concept("Buyer"), row=row)
    places = DomainOntology.objects.get(concept="places")
    assert ("domain", "Buyer") in places.as_concept.relationships
    assert ConceptRelation.objects.filter(target="Buyer").count() == 2
    services.delete_concept(row=row, by=operator)
    places.refresh_from_db()
    assert places.as_concept.relationships == (("range", "Order"),)
    shop.refresh_from_db()
    assert shop.concept_count == 3


def test_a_name_can_be_had_once_and_faults_name_their_field(shop: Any, operator: Any) -> None:
    with pytest.raises(Conflict):
        services.save_concept(by=operator, domain="shop", concept=Concept("Order"))
    with pytest.raises(Conflict):
        services.add_domain(by=operator, name="shop")
    with pytest.raises(Invalid) as refused:
        services.save_concept(by=operator, domain="shop", concept=Concept("", relationships=(("is_a", ""),)))
    assert set(refused.value.errors) == {"concept", "relationships"}
    with pytest.raises(Invalid):
        services.save_concept(by=operator, domain="nowhere", concept=Concept("x"))


def test_a_broken_import_changes_nothing(shop: Any, operator: Any) -> None:
    with pytest.raises(Invalid):
        services.import_file(by=operator, domain="new", name="x.csv", data=b"name\nx\n")
    with pytest.raises(Invalid):
        services.import_ontology(
            by=operator, domain="shop", ontology=Ontology((Concept("New"), Concept("x" * 300)))
        )
    assert not KnowledgeDomain.objects.filter(name="new").exists()
    assert not DomainOntology.objects.filter(concept="New").exists()


def test_a_member_reads_and_does_not_write(shop: Any, alice: Any) -> None:
    row = DomainOntology.objects.for_user(alice).get(concept="Order")
    for attempt in (
        lambda: services.add_domain(by=alice, name="mine"),
        lambda: services.delete_domain(domain=shop, by=alice),
        lambda: services.save_concept(by=alice, domain="shop", concept=Concept("x")),
        lambda: services.save_concept(by=alice, domain="shop", concept=Concept("x"), row=row),
        lambda: services.delete_concept(row=row, by=alice),
        lambda: services.import_file(by=alice, domain="shop", name="x.csv", data=b"concept\nx\n"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_domain_is_written_to_a_file_and_goes_with_its_concepts(shop: Any, operator: Any) -> None:
    assert b"Customer" in services.export_domain(domain=shop, to="owl")
    assert services.export_domain(domain=shop, to="csv").count(b"\r\n") == 5
    with pytest.raises(Invalid):
        services.export_domain(domain=shop, to="doc")
    services.delete_domain(domain=shop, by=operator)
    assert not DomainOntology.objects.of_domain("shop").exists()
