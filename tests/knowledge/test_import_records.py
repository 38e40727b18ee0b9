"""Rows and entries whose words alone say little: what tells them apart is their title."""

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile

from agi_site.lib.problems import Invalid
from knowledge import services
from knowledge.models import Knowledge, KnowledgeDocument
from knowledge.services import documents

pytestmark = pytest.mark.django_db(transaction=True)

FAQ = """question,answer
May I bring my dog?,Yes.
Is smoking allowed?,No.
May I park a bicycle in the hall?,Yes.
"""


def bring(by: Any, data: str, name: str) -> KnowledgeDocument:
    return documents.add_file(by=by, name=name, file=ContentFile(data.encode(), name))


def titles(document: KnowledgeDocument) -> list[str]:
    return list(
        Knowledge.objects.filter(document=document).order_by("position").values_list("title", flat=True)
    )


def test_two_questions_with_one_answer_are_two_passages(alice: Any, bob: Any, run_tasks: Any) -> None:
    first = bring(alice, FAQ, "faq.csv")
    entries = [{"question": asked, "answer": "Yes."} for asked in ("Is there a gym?", "May I bring my dog?")]
    second = bring(bob, json.dumps(entries), "more.json")
    run_tasks()
    assert titles(first) == [
        "May I bring my dog?",
        "Is smoking allowed?",
        "May I park a bicycle in the hall?",
    ]
    assert titles(second) == ["Is there a gym?"]  # the dog's is known, from the other
    second.refresh_from_db()
    assert second.counts == {"added": 1, "kept": 0, "removed": 0, "shared": 1}


def test_a_record_that_is_saved_as_it_was_stays_its_documents_when_that_changes(
    alice: Any, run_tasks: Any
) -> None:
    document = bring(alice, FAQ, "faq.csv")
    run_tasks()
    row = Knowledge.objects.get(title="Is smoking allowed?")
    services.change_knowledge(knowledge=row, by=alice, title=row.title, content=row.content, tags=["house"])
    bring(alice, FAQ + "Is there a gym?,Yes.\n", "faq.csv")
    run_tasks()
    document.refresh_from_db()
    assert document.counts == {"added": 1, "kept": 3, "removed": 0, "shared": 0}
    assert Knowledge.objects.get(title="Is smoking allowed?").tag_names == ["house"]


def test_a_title_that_a_person_changes_leaves_the_record_to_the_document_that_shares_it(
    alice: Any, bob: Any, run_tasks: Any
) -> None:
    bring(alice, FAQ, "faq.csv")
    other = bring(bob, FAQ.replace("Is smoking allowed?,No.\n", ""), "short.csv")
    run_tasks()
    row = Knowledge.objects.get(title="May I bring my dog?")
    services.change_knowledge(knowledge=row, by=alice, title="Dogs")
    assert titles(other) == ["May I bring my dog?"]


def test_a_record_that_is_known_is_not_added_by_hand_again(alice: Any, run_tasks: Any) -> None:
    bring(alice, FAQ, "faq.csv")
    run_tasks()
    with pytest.raises(Invalid, match="known already"):
        services.add_knowledge(author=alice, title="Is smoking allowed?", content="No.")
