"""The REST door of transfer."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from transfer import services
from transfer.models import DomainOntology, KnowledgeMapping, KnowledgeSource

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1"


def upload(client: Any, name: str, data: bytes, **more: Any) -> Any:
    given = {"file": SimpleUploadedFile(name, data), "domain": "animals", **more}
    return client.post(f"{API}/knowledge-domains/import/", given, format="multipart")


def test_an_ontology_is_imported_exported_and_refused_with_a_reason(operator: Any, api_of: Any) -> None:
    client = api_of(operator)
    done = upload(client, "a.csv", b"concept,is_a\nDog,Animal\nAnimal,\n")
    assert (done.status_code, done.json()["added"]) == (200, 2)
    key = done.json()["domain"]["id"]
    for name, kind in (
        ("owl", "application/rdf+xml"),
        ("turtle", "text/turtle"),
        ("skos", "text/turtle"),
        ("csv", "text/csv"),
    ):
        written = client.get(f"{API}/knowledge-domains/{key}/export/", {"to": name})
        assert written.status_code == 200
        assert written.headers["Content-Type"].startswith(kind)
        assert b"Dog" in written.content
    assert client.get(f"{API}/knowledge-domains/{key}/export/", {"to": "doc"}).status_code == 400
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><x>&c;</x>'
    for data in (bomb, b"<?xml version='1.0'?><x", b""):
        refused = upload(client, "x.owl", data)
        assert refused.status_code == 400
        assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_concept_is_written_changed_and_deleted(shop: Any, operator: Any, api_of: Any) -> None:
    client = api_of(operator)
    given = {
        "domain": "shop",
        "concept": "Gift",
        "definition": "For free.",
        "relationships": [{"type": "is_a", "target": "Order"}],
        "attributes": {"kind": "class", "labels": ["선물"], "colour": "red"},
    }
    made = client.post(f"{API}/domain-ontologies/", given, format="json")
    assert made.status_code == 201
    assert made.json()["attributes"] == {"kind": "class", "labels": ["선물"], "colour": "red"}
    address = f"{API}/domain-ontologies/{made.json()['id']}/"
    changed = client.patch(address, {"definition": "Free of charge."}, format="json")
    assert changed.json()["relationships"] == [{"type": "is_a", "target": "Order"}]
    assert client.post(f"{API}/domain-ontologies/", given, format="json").status_code == 409
    assert client.patch(address, {"attributes": {"kind": "song"}}, format="json").status_code == 400
    assert client.patch(address, {"domain": "clinic"}, format="json").status_code == 400
    assert client.patch(address, {"relationships": [None]}, format="json").status_code == 400
    assert client.patch(address, {"relationships": None}, format="json").status_code == 200
    assert client.delete(address).status_code == 204


def test_a_source_shows_its_connection_masked_and_is_read(
    operator: Any, api_of: Any, folder: Any, run_tasks: Any
) -> None:
    (folder / "a.txt").write_text("Something to know.")
    client = api_of(operator)
    given = {"name": "files", "domain": "shop", "kind": "file", "connection_info": {"path": "a.txt"}}
    made = client.post(f"{API}/knowledge-sources/", given, format="json")
    assert made.status_code == 201
    assert "a.txt" not in str(made.json()["connection_info"])
    address = f"{API}/knowledge-sources/{made.json()['id']}/"
    assert client.post(f"{address}sync/", {}, format="json").status_code == 202
    run_tasks()
    told = client.get(address).json()
    assert (told["status"], told["counts"]["added"]) == ("completed", 1)
    items = client.get(f"{API}/knowledge-source-items/", {"source": told["id"]}).json()["results"]
    assert items[0]["knowledge"]
    assert client.patch(address, {"kind": "sql"}, format="json").status_code == 400
    assert client.patch(address, {"connection_info": {"way": 1}}, format="json").status_code == 400
    assert client.patch(address, {"is_active": False}, format="json").json()["is_active"] is False
    assert client.post(f"{address}sync/", {}, format="json").status_code == 409
    assert client.delete(address).status_code == 204


def test_mappings_are_proposed_and_decided(
    shop: Any, clinic: Any, operator: Any, api_of: Any, run_tasks: Any
) -> None:
    client, pair = api_of(operator), {"source_domain": "shop", "target_domain": "clinic"}
    assert client.post(f"{API}/knowledge-mappings/propose/", pair, format="json").status_code == 202
    run_tasks()
    row = KnowledgeMapping.objects.get(source_concept="Customer")
    address = f"{API}/knowledge-mappings/{row.pk}/"
    for verb, status in (("accept", "accepted"), ("reopen", "candidate"), ("reject", "rejected")):
        assert client.post(f"{address}{verb}/").json()["status"] == status
    edited = client.patch(address, {"target_concept": "Appointment"}, format="json").json()
    assert (edited["status"], edited["confidence"]) == ("accepted", "1.0000")
    assert (
        client.post(f"{API}/knowledge-mappings/accept-surest/", pair | {"least": 0}, format="json").json()[
            "accepted"
        ]
        >= 1
    )
    assert (
        client.post(
            f"{API}/knowledge-mappings/propose/", pair | {"target_domain": "shop"}, format="json"
        ).status_code
        == 400
    )


def test_a_transfer_is_started_and_its_figures_read(
    shop: Any, clinic: Any, operator: Any, api_of: Any, run_tasks: Any
) -> None:
    client = api_of(operator)
    given = {
        "source_id": shop.pk,
        "target_id": clinic.pk,
        "task_type": "carry",
        "parameters": {"items": [{"kind": "text", "text": "customer"}]},
    }
    made = client.post(f"{API}/transfer-tasks/", given, format="json")
    assert made.status_code == 201
    run_tasks()
    assert client.get(f"{API}/transfer-tasks/{made.json()['id']}/").json()["status"] == "completed"
    metrics = client.get(f"{API}/transfer-metrics/", {"transfer_task": made.json()["id"]}).json()["results"]
    assert {row["metric_name"] for row in metrics} == {
        "coverage.before",
        "coverage.control",
        "coverage.after",
    }
    refused = client.post(f"{API}/transfer-tasks/", given | {"source_id": "nothing"}, format="json")
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"source_id"})


def test_members_read_and_strangers_do_not(
    shop: Any, clinic: Any, operator: Any, alice: Any, api_of: Any, folder: Any
) -> None:
    from accounts.models import User

    source = services.add_source(by=operator, name="s", domain="shop", kind="file", connection={"path": "x"})
    row = services.add_mapping(
        by=operator,
        source_domain="shop",
        source_concept="Order",
        target_domain="clinic",
        target_concept="Appointment",
    )
    member = api_of(alice)
    concept = DomainOntology.objects.first()
    assert member.get(f"{API}/domain-ontologies/{concept.pk}/").status_code == 200
    for path in (
        f"knowledge-sources/{source.pk}/sync/",
        f"knowledge-mappings/{row.pk}/accept/",
        "knowledge-mappings/propose/",
        "knowledge-mappings/accept-surest/",
        "transfer-tasks/",
    ):
        assert member.post(f"{API}/{path}", {}, format="json").status_code == 403
    assert upload(member, "x.csv", b"concept\nx\n").status_code == 403
    stranger = api_of(User.objects.create_user("stranger", "s@example.com", "correct horse battery"))
    assert stranger.get(f"{API}/knowledge-sources/{source.pk}/").status_code == 403
    assert KnowledgeSource.objects.for_user(None).count() == 0


@pytest.mark.parametrize(
    "path",
    ["knowledge-sources", "knowledge-mappings", "domain-ontologies", "knowledge-domains", "transfer-tasks"],
)
def test_a_list_takes_few_queries(
    path: str, shop: Any, clinic: Any, operator: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    client = api_of(operator)
    client.get(f"{API}/{path}/")
    with django_assert_max_num_queries(5):
        client.get(f"{API}/{path}/")
