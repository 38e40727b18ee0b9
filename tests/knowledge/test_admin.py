"""The admin of knowledge: what is saved there is found by search."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from agi_site.lib.problems import Invalid
from knowledge import services
from knowledge.models import Knowledge, Memory
from knowledge.search import search_knowledge

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_an_operator_writes_in_the_admin_is_indexed(
    operator: Any, client_of: Any, run_tasks: Any
) -> None:
    client = client_of(operator)
    inline = {"tags-TOTAL_FORMS": 1, "tags-INITIAL_FORMS": 0, "tags-0-tag": "hr"}
    given = {"title": "Leave", "content": "Vacation expires in March.", "metadata": "null"} | inline
    response = client.post(reverse("admin:knowledge_knowledge_add"), given)
    assert response.status_code == 302
    row = Knowledge.objects.get()
    assert (row.created_by, row.tag_names) == (operator, ["hr"])
    assert [hit.id for hit in search_knowledge(user=operator, query="vacation")] == [row.pk]


def test_what_is_written_in_the_admin_is_known_by_its_words(operator: Any, client_of: Any) -> None:
    client = client_of(operator)
    given = {"title": "Leave", "content": "Vacation expires in March.", "metadata": "null"}
    inline = {"tags-TOTAL_FORMS": 0, "tags-INITIAL_FORMS": 0}
    client.post(reverse("admin:knowledge_knowledge_add"), given | inline)
    row = Knowledge.objects.get()
    with pytest.raises(Invalid):
        services.add_knowledge(author=operator, title="Again", content="Vacation expires in March.")
    changed = given | inline | {"content": "It expires in May."}
    client.post(reverse("admin:knowledge_knowledge_change", args=[row.pk]), changed)
    services.add_knowledge(author=operator, title="Again", content="Vacation expires in March.")
    with pytest.raises(Invalid):
        services.add_knowledge(author=operator, title="May", content="It expires in May.")


def test_a_text_that_is_known_is_refused_in_the_admin_as_at_the_other_doors(
    operator: Any, client_of: Any
) -> None:
    services.add_knowledge(author=operator, title="Leave", content="Vacation expires in March.")
    client = client_of(operator)
    given: dict[str, Any] = {"title": "Again", "content": "Vacation  expires in\nMarch.", "metadata": "null"}
    given |= {"tags-TOTAL_FORMS": 0, "tags-INITIAL_FORMS": 0}
    response = client.post(reverse("admin:knowledge_knowledge_add"), given)
    assert response.status_code == 200
    faults = response.context["adminform"].form.errors
    assert faults == {"content": ["This text is known already: “Leave”."]}
    assert Knowledge.objects.count() == 1
    row = Knowledge.objects.get()
    same = given | {"title": "Leave anew", "content": row.content, "created_by": operator.pk}
    client.post(reverse("admin:knowledge_knowledge_change", args=[row.pk]), same)
    row.refresh_from_db()
    assert row.title == "Leave anew"


@pytest.mark.parametrize("how", ["changed", "deleted", "chosen and deleted"])
def test_a_passage_that_an_operator_takes_away_is_left_to_the_document_that_shares_it(
    alice: Any, admin_user: Any, client_of: Any, run_tasks: Any, how: str
) -> None:
    row = services.add_knowledge(author=alice, title="Tea", content="Tea is free.")
    file = ContentFile(b"# Tea\n\nTea is free.\n", "tea.md")
    document = services.add_file(by=alice, name="tea.md", file=file)
    run_tasks()
    assert document.passages.count() == 0
    client = client_of(admin_user)
    if how == "changed":
        given = {"title": "Tea", "content": "Tea costs.", "created_by": alice.pk, "metadata": "null"}
        given |= {"tags-TOTAL_FORMS": 0, "tags-INITIAL_FORMS": 0}
        client.post(reverse("admin:knowledge_knowledge_change", args=[row.pk]), given)
    elif how == "deleted":
        client.post(reverse("admin:knowledge_knowledge_delete", args=[row.pk]), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(reverse("admin:knowledge_knowledge_changelist"), chosen)
    assert [passage.content for passage in document.passages.all()] == ["Tea is free."]
    assert Knowledge.objects.count() == (2 if how == "changed" else 1)


def test_chosen_rows_are_indexed_again(operator: Any, client_of: Any, run_tasks: Any) -> None:
    row = Knowledge.objects.create(title="Restored", content="From a copy", created_by=operator)
    given = {"action": "index_again", "_selected_action": [row.pk]}
    client_of(operator).post(reverse("admin:knowledge_knowledge_changelist"), given)
    run_tasks()
    row.refresh_from_db()
    assert row.search_row.length > 0
    assert row.embedding_model


@pytest.mark.parametrize(
    "model",
    ["knowledge", "knowledgetag", "memory", "memoryrelation", "context", "knowledgesearch", "memorysearch"],
)
def test_every_table_has_a_list_that_costs_few_queries(
    model: str, alice: Any, admin_user: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        services.add_knowledge(author=alice, title="row", content=f"text {number}", tags=["x"])
        services.remember(owner=alice, type="semantic", content=f"I have {number} coins number{number}")
    one, two = Memory.objects.all()[:2]
    services.relate_memories(source=one, target=two, by=alice, relation_type="causes")
    client = client_of(admin_user)
    client.get(reverse(f"admin:knowledge_{model}_changelist"))
    with django_assert_max_num_queries(12):
        assert client.get(reverse(f"admin:knowledge_{model}_changelist")).status_code == 200
