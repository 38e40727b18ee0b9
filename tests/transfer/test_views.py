"""The pages of domains, sources, mappings and transfers."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from transfer import services
from transfer.models import (
    DomainOntology,
    KnowledgeDomain,
    KnowledgeMapping,
    KnowledgeSource,
    MappingStatus,
    TransferTask,
)

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HTTP_HX_REQUEST": "true"}


def text(response: Any) -> str:
    assert response.status_code == 200
    return response.content.decode()


def test_an_ontology_is_imported_browsed_and_exported(operator: Any, client_of: Any) -> None:
    client = client_of(operator)
    file = SimpleUploadedFile("a.csv", b"concept,is_a,definition\nDog,Animal,Barks.\nAnimal,,Lives.\n")
    done = client.post(reverse("transfer:import"), {"file": file, "domain": "animals"})
    domain = KnowledgeDomain.objects.get()
    assert done.url == reverse("transfer:domain", args=[domain.pk])
    assert "animals" in text(client.get(reverse("transfer:list")))
    listed = text(client.get(done.url, {"q": "dog"}, **HTMX))
    assert "<html" not in listed
    assert "Dog" in listed
    assert "Animal" not in listed
    animal = DomainOntology.objects.get(concept="Animal")
    page = text(client.get(reverse("transfer:concept", args=[animal.pk])))
    assert "<svg" in page
    assert "Lives." in page
    assert reverse("transfer:concept", args=[DomainOntology.objects.get(concept="Dog").pk]) in page
    assert b"Dog" in client.get(reverse("transfer:export", args=[domain.pk]), {"to": "owl"}).content
    broken = client.post(
        reverse("transfer:import"),
        {"file": SimpleUploadedFile("a.owl", b"<?xml version='1.0'?><a"), "domain": "b"},
    )
    assert "not valid XML" in text(broken)


def test_a_concept_is_written_by_hand(shop: Any, operator: Any, client_of: Any) -> None:
    client = client_of(operator)
    given = {
        "concept": "Gift",
        "kind": "class",
        "definition": "",
        "labels": "선물\nPresent",
        "relationships": "is_a: Order",
        "attributes": "colour: red",
    }
    client.post(reverse("transfer:concept_add", args=[shop.pk]), given)
    row = DomainOntology.objects.get(concept="Gift")
    assert row.as_concept.labels == ("선물", "Present")
    assert "is_a: Order" in text(client.get(reverse("transfer:concept_edit", args=[row.pk])))
    refused = client.post(
        reverse("transfer:concept_edit", args=[row.pk]), given | {"relationships": "nothing"}
    )
    assert "nothing" in text(refused)
    assert "already" in text(
        client.post(reverse("transfer:concept_edit", args=[row.pk]), given | {"concept": "Order"})
    )
    assert "Gift" in text(client.get(reverse("transfer:concept_delete", args=[row.pk])))
    client.post(reverse("transfer:concept_delete", args=[row.pk]))
    assert not DomainOntology.objects.filter(concept="Gift").exists()


def test_a_source_is_added_read_and_shows_its_faults_never_its_connection(
    operator: Any, client_of: Any, folder: Any, run_tasks: Any
) -> None:
    (folder / "a.txt").write_text("Something to know.")
    (folder / "b.txt").write_bytes(b"\xff\xfe broken")
    client = client_of(operator)
    for kind in ("file", "http", "sql", "instance"):
        assert "<form" in text(client.get(reverse("transfer:source_add", args=[kind])))
    assert client.get(reverse("transfer:source_add", args=["ftp"])).status_code == 404
    given = {"name": "files", "domain": "shop", "path": "/", "contents": "passages", "read_every": "day"}
    made = client.post(reverse("transfer:source_add", args=["file"]), given)
    client.post(reverse("transfer:source_sync", args=[KnowledgeSource.objects.get().pk]))
    run_tasks()
    page = text(client.get(made.url))
    assert "Something" not in page
    assert "1 added" in page
    assert "UTF-8" in text(client.get(made.url, {"faults": ""}))
    assert "up to date" in text(client.get(reverse("transfer:sources")))
    edit = reverse("transfer:source_edit", args=[KnowledgeSource.objects.get().pk])
    assert client.post(edit, given | {"name": "renamed", "path": ""}).status_code == 302
    source = KnowledgeSource.objects.get()
    assert (source.name, source.connection_info) == ("renamed", {"path": "/"})
    client.post(reverse("transfer:source_delete", args=[source.pk]))
    assert not KnowledgeSource.objects.exists()


def test_the_review_proposes_explains_and_decides(
    shop: Any, clinic: Any, operator: Any, client_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(operator)
    asked = client.get(reverse("transfer:mappings")).content.decode()
    assert ("Choose a domain" in asked, "Select an option" in asked) == (
        True,
        False,
    )  # Django's is English only
    client.post(reverse("transfer:propose"), {"source": shop.pk, "target": clinic.pk})
    run_tasks()
    url = reverse("transfer:mappings")
    page = text(client.get(url, {"from": "shop", "to": "clinic"}))
    assert "words in common" in page
    assert 'data-key="a"' in page
    with django_assert_max_num_queries(9):
        client.get(url)
    row = KnowledgeMapping.objects.get(source_concept="Customer")
    decide = reverse("transfer:decide", args=[row.pk])
    part = text(client.post(decide, {"decision": "accept"}, **HTMX))
    assert "<html" not in part
    assert f'id="mapping-{row.pk}"' in part
    row.refresh_from_db()
    assert row.status == MappingStatus.ACCEPTED
    assert client.post(decide, {"decision": "reject"}).status_code == 302
    assert "Customer" in text(client.get(url, {"status": "rejected"}))
    given = {"source_concept": "Customer", "target_concept": "Appointment", "relation_type": "is_related_to"}
    assert client.post(reverse("transfer:mapping_edit", args=[row.pk]), given).status_code == 302
    wrong = client.post(
        reverse("transfer:mapping_edit", args=[row.pk]), given | {"target_concept": "Nothing"}
    )
    assert "no concept of this name" in text(wrong)
    client.post(reverse("transfer:accept_surest"), {"from": "shop", "to": "clinic"})


def test_a_transfer_is_started_and_shows_before_control_and_after(
    shop: Any, clinic: Any, operator: Any, client_of: Any, run_tasks: Any
) -> None:
    client = client_of(operator)
    services.add_mapping(
        by=operator,
        source_domain="shop",
        source_concept="Order",
        target_domain="clinic",
        target_concept="Appointment",
    )
    for kind in ("answer", "label", "carry"):
        assert "<form" in text(client.get(reverse("transfer:task_add", args=[kind])))
    assert client.get(reverse("transfer:task_add", args=["guess"])).status_code == 404
    given = {"source": shop.pk, "target": clinic.pk, "lines": "Confirm each order."}
    made = client.post(reverse("transfer:task_add", args=["carry"]), given)
    run_tasks()
    page = text(client.get(made.url))
    assert "Confirm each appointment." in page
    for word in ("before", "without mappings", "after", "Due to the mappings: +1.000"):
        assert word in page
    assert "shop → clinic" in text(client.get(reverse("transfer:tasks")))
    answer = {"source": shop.pk, "target": clinic.pk, "lines": "Where? | Title\nWhen?"}
    made = client.post(reverse("transfer:task_add", args=["answer"]), answer)
    assert TransferTask.objects.first() is not None
    run_tasks()
    assert "Where?" in text(client.get(made.url))
    same = client.post(reverse("transfer:task_add", args=["carry"]), given | {"target": shop.pk})
    assert "two different domains" in text(same)


def test_members_read_and_are_not_offered_what_they_may_not(
    shop: Any, clinic: Any, operator: Any, alice: Any, client_of: Any, folder: Any
) -> None:
    source = services.add_source(by=operator, name="s", domain="shop", kind="file", connection={"path": "x"})
    concept = DomainOntology.objects.first()
    client = client_of(alice)
    for name, args in (
        ("list", []),
        ("sources", []),
        ("mappings", []),
        ("tasks", []),
        ("domain", [shop.pk]),
        ("concept", [concept.pk]),
        ("source", [source.pk]),
    ):
        page = text(client.get(reverse(f"transfer:{name}", args=args)))
        assert "/new/" not in page.partition("<main")[2]
        assert "/edit/" not in page.partition("<main")[2]
    for name, args in (
        ("domain_add", []),
        ("import", []),
        ("concept_edit", [concept.pk]),
        ("source_edit", [source.pk]),
        ("domain_delete", [shop.pk]),
    ):
        assert client.get(reverse(f"transfer:{name}", args=args)).status_code == 403
    assert client.post(reverse("transfer:source_sync", args=[source.pk])).status_code == 403


def test_strangers_find_nothing(shop: Any, operator: Any, client_of: Any) -> None:
    from accounts.models import User

    client = client_of(User.objects.create_user("stranger", "s@example.com", "correct horse battery"))
    assert client.get(reverse("transfer:domain", args=[shop.pk])).status_code == 404
    assert (
        client.get(reverse("transfer:concept", args=[DomainOntology.objects.first().pk])).status_code == 404
    )
    assert "shop" not in text(client.get(reverse("transfer:list"))).partition("<main")[2]
