"""Mappings: proposed by a task, decided by people, kept as they decided."""

from typing import Any

import pytest

from agi_site.lib.problems import Conflict, Forbidden, Invalid
from transfer import services
from transfer.models import KnowledgeMapping, MappingStatus

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def proposed(shop: Any, clinic: Any, operator: Any, run_tasks: Any) -> dict[tuple[str, str], Any]:
    services.propose_mappings(by=operator, source_domain="shop", target_domain="clinic")
    run_tasks()
    return {(row.source_concept, row.target_concept): row for row in KnowledgeMapping.objects.all()}


def test_a_task_proposes_mappings_with_their_explanation(proposed: dict[tuple[str, str], Any]) -> None:
    row = proposed["Customer", "Client"]
    assert row.status == MappingStatus.CANDIDATE
    assert 0 < row.confidence <= 1
    parts = services.explain(row)
    assert {"words", "meaning"} <= {part.name for part in parts}
    assert [abs(part.share) for part in parts] == sorted((abs(part.share) for part in parts), reverse=True)
    assert ("phone number", "telephone") in proposed


def test_a_decision_stays_when_domains_are_compared_again(
    proposed: dict[tuple[str, str], Any], operator: Any, run_tasks: Any
) -> None:
    kept = services.review_mapping(mapping=proposed["Customer", "Client"], by=operator, decision="accept")
    gone = services.review_mapping(
        mapping=proposed["phone number", "telephone"], by=operator, decision="reject"
    )
    services.propose_mappings(by=operator, source_domain="shop", target_domain="clinic")
    run_tasks()
    assert KnowledgeMapping.objects.get(pk=kept.pk).status == MappingStatus.ACCEPTED
    assert KnowledgeMapping.objects.get(pk=gone.pk).reviewed_by == operator
    assert KnowledgeMapping.objects.filter(source_concept="Customer").count() == 1
    again = services.review_mapping(mapping=gone, by=operator, decision="reopen")
    assert (again.status, again.reviewed_by) == (MappingStatus.CANDIDATE, None)


def test_an_edited_mapping_is_accepted_and_a_wrong_one_refused(
    proposed: dict[tuple[str, str], Any], operator: Any
) -> None:
    row = proposed["Customer", "Client"]
    changed = services.change_mapping(
        mapping=row, by=operator, target_concept="Appointment", relation_type="is_related_to"
    )
    assert (changed.status, changed.parts, changed.confidence) == (MappingStatus.ACCEPTED, None, 1)
    with pytest.raises(Invalid) as refused:
        services.change_mapping(mapping=row, by=operator, target_concept="Nothing", relation_type="is_like")
    assert set(refused.value.errors) == {"target_concept", "relation_type"}
    with pytest.raises(Invalid):
        services.review_mapping(mapping=row, by=operator, decision="maybe")


def test_a_mapping_by_hand_is_accepted_and_cannot_be_there_twice(
    shop: Any, clinic: Any, operator: Any
) -> None:
    given = {
        "source_domain": "shop",
        "source_concept": "Order",
        "target_domain": "clinic",
        "target_concept": "Appointment",
    }
    row = services.add_mapping(by=operator, **given)
    assert (row.status, row.reviewed_by) == (MappingStatus.ACCEPTED, operator)
    assert services.explain(row) == []
    with pytest.raises(Conflict):
        services.add_mapping(by=operator, **given)


def test_the_surest_are_accepted_at_once(proposed: dict[tuple[str, str], Any], operator: Any) -> None:
    least = float(max(row.confidence for row in proposed.values()))
    assert services.review_surest(by=operator, source_domain="shop", target_domain="clinic", least=least) == 1
    assert KnowledgeMapping.objects.accepted().count() == 1


def test_only_two_different_domains_with_concepts_are_compared(shop: Any, operator: Any) -> None:
    services.add_domain(by=operator, name="empty")
    for target in ("shop", "nowhere", "empty"):
        with pytest.raises(Invalid) as refused:
            services.propose_mappings(by=operator, source_domain="shop", target_domain=target)
        assert "target_domain" in refused.value.errors


def test_a_member_sees_mappings_and_decides_nothing(proposed: dict[tuple[str, str], Any], alice: Any) -> None:
    row = KnowledgeMapping.objects.for_user(alice).first()
    for attempt in (
        lambda: services.review_mapping(mapping=row, by=alice, decision="accept"),
        lambda: services.change_mapping(mapping=row, by=alice, relation_type="is_related_to"),
        lambda: services.delete_mapping(mapping=row, by=alice),
        lambda: services.propose_mappings(by=alice, source_domain="shop", target_domain="clinic"),
        lambda: services.review_surest(by=alice, source_domain="shop", target_domain="clinic", least=0),
    ):
        with pytest.raises(Forbidden):
            attempt()
