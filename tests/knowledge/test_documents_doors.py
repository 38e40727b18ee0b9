"""The pages, REST and admin of documents and imports."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from knowledge import services as knowledge
from knowledge.import_forms import ImportForm
from knowledge.models import Knowledge, KnowledgeDocument, KnowledgeImport
from tests.transfer.conftest import Web

from .made_files import pdf_of

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = "/api/v1"
HTMX = {"HTTP_HX_REQUEST": "true"}
STRANGER = "01900000-0000-7000-8000-000000000000"


def upload(
    name: str = "a.md", data: bytes = b"# Guide\n\n## Leave\n\nLeave expires.\n"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def handbook() -> SimpleUploadedFile:
    pages = [f"Rule {number} of the house." for number in range(1, 41)]
    return upload("handbook.pdf", pdf_of(pages, title="Handbook", bookmarks=[(3, "Leave")]))


def test_files_and_addresses_are_brought_in_and_followed_on_a_page(
    alice: Any, client_of: Any, run_tasks: Any, web: Web
) -> None:
    web.pages["/rules"] = ("text/html", b"<title>Rules</title><p>Be kind.")
    client = client_of(alice)
    assert client.get(reverse("knowledge:bring_in")).status_code == 200
    given = {
        "files": [handbook(), upload("b.png", b"\x89PNG\0")],
        "urls": f"{web.url}/rules\n\n",
        "tags": "HR, x",
    }
    sent = client.post(reverse("knowledge:bring_in"), given)
    batch = KnowledgeImport.objects.get()
    assert sent.url == reverse("knowledge:import", args=[batch.pk])
    waiting = client.get(sent.url).content.decode()
    assert "0 of 3 documents are done." in waiting
    assert "every 1s" in waiting
    run_tasks()
    part = client.get(sent.url, **HTMX).content.decode()
    assert "<html" not in part
    assert "every 1s" not in part
    assert "Done; 1 of 3 documents could not be taken." in part
    assert "Files of the type “.png” are not read." in part
    failed = client.get(sent.url, {"failed": ""}).content.decode()
    assert "b.png" in failed
    assert "handbook.pdf" not in failed
    korean = client.get(sent.url, headers={"accept-language": "ko"}).content.decode()
    assert "형식의 파일은 읽지 않습니다" in korean
    assert client.post(reverse("knowledge:import_retry", args=[batch.pk])).url == sent.url
    assert Knowledge.objects.filter(tags__tag="hr").count() == 41


def test_trying_again_is_offered_where_it_may_help(
    alice: Any, client_of: Any, run_tasks: Any, web: Web
) -> None:
    client = client_of(alice)

    def said_of(**given: Any) -> str:
        """The pages of an import of this alone, and of its document."""
        sent = client.post(reverse("knowledge:bring_in"), given)
        run_tasks()
        document = KnowledgeDocument.objects.get(batch=sent.url.rstrip("/").rpartition("/")[2])
        assert document.status == "failed"
        answers = (client.get(url) for url in (sent.url, reverse("knowledge:document", args=[document.pk])))
        return "".join(answer.content.decode() for answer in answers)

    said = said_of(urls=f"{web.url}/missing")
    assert said.count("/retry/") == 3  # all of the import, the one in its list, and on its own page
    for hopeless in ({"files": [upload("b.png", b"\x89PNG\0")]}, {"urls": "ftp://example.com/a"}):
        assert "/retry/" not in said_of(**hopeless)


def test_a_document_shows_its_passages_in_order_with_their_places(
    alice: Any, bob: Any, client_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    client.post(reverse("knowledge:bring_in"), {"files": [handbook()]})
    run_tasks()
    document = KnowledgeDocument.objects.get()
    address = reverse("knowledge:document", args=[document.pk])
    client.get(address)
    with django_assert_max_num_queries(9):
        first = client.get(address)
    shown = first.content.decode()
    assert shown.index("p. 1<") < shown.index("p. 3 · Leave") < shown.index("p. 30 · Leave")
    second = client.get(address, {"cursor": first.context["page"].next})
    assert [row.position for row in second.context["page"].rows] == list(range(30, 40))
    passage = Knowledge.objects.get(position=3)
    page = client.get(reverse("knowledge:detail", args=[passage.pk])).content.decode()
    assert "p. 4 · Leave" in page
    assert address in page
    bobs = client_of(bob).get(address).content.decode()
    assert reverse("knowledge:document_delete", args=[document.pk]) not in bobs


def test_a_document_that_is_known_already_leads_to_the_one_that_is_known(
    alice: Any, client_of: Any, run_tasks: Any
) -> None:
    one, two = (knowledge.add_file(by=alice, name=name, file=upload(name)) for name in ("a.md", "b.md"))
    run_tasks()
    address = reverse("knowledge:document", args=[two.pk])
    link = f'href="{reverse("knowledge:document", args=[one.pk])}"'
    client = client_of(alice)
    assert link in client.get(address).content.decode()
    knowledge.delete_document(document=one, by=alice)
    assert link not in client.get(address).content.decode()


def test_the_lists_show_a_document_once(
    alice: Any, client_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    knowledge.add_knowledge(author=alice, title="Alone", content="by hand")
    client.post(reverse("knowledge:bring_in"), {"files": [handbook(), upload()]})
    run_tasks()
    client.get(reverse("knowledge:list"))
    with django_assert_max_num_queries(8):
        listed = client.get(reverse("knowledge:list"))
    assert len(listed.context["page"].rows) == 3
    assert "40 passages" in listed.content.decode()
    client.get(reverse("knowledge:documents"))
    with django_assert_max_num_queries(7):
        documents = client.get(reverse("knowledge:documents")).content.decode()
    assert documents.count("list-row-title") == 2
    found = client.get(reverse("knowledge:list"), {"q": "Rule 17 house"}).content.decode()
    assert "p. 17 · Leave" in found


def test_only_who_brought_a_document_in_deletes_it(
    alice: Any, bob: Any, auditor: Any, client_of: Any, run_tasks: Any
) -> None:
    client_of(alice).post(reverse("knowledge:bring_in"), {"files": [upload()]})
    run_tasks()
    document = KnowledgeDocument.objects.get()
    delete = reverse("knowledge:document_delete", args=[document.pk])
    retry = reverse("knowledge:document_retry", args=[document.pk])
    assert client_of(bob).get(delete).status_code == 403
    assert client_of(bob).post(delete).status_code == 403
    assert client_of(bob).post(retry).status_code == 403
    assert client_of(auditor).get(reverse("knowledge:bring_in")).status_code == 403
    assert client_of(auditor).post(reverse("knowledge:bring_in"), {"files": [upload()]}).status_code == 403
    assert "Guide" in client_of(alice).get(delete).content.decode()
    assert client_of(alice).post(delete).url == reverse("knowledge:documents")
    assert not Knowledge.objects.exists()
    for name in ("import", "document", "document_delete"):
        assert client_of(alice).get(reverse(f"knowledge:{name}", args=[STRANGER])).status_code == 404


def test_the_form_says_what_is_missing(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).post(reverse("knowledge:bring_in"), {"urls": " \n"})
    assert answer.status_code == 400
    assert "Choose at least one file" in answer.content.decode()
    answer = client_of(alice).post(reverse("knowledge:bring_in"), {"files": [upload()], "tags": "x" * 60})
    assert list(answer.context["form"].errors) == ["tags"]
    assert not KnowledgeImport.objects.exists()


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("example.com", "https://example.com"),
        ("www.example.com:8443/a?b=c", "https://www.example.com:8443/a?b=c"),
        ("한국.한국/안내", "https://한국.한국/안내"),
        ("http://example.com", "http://example.com"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("guide", "guide"),
    ],
)
def test_an_address_may_be_written_without_its_scheme(written: str, taken: str) -> None:
    form = ImportForm({"urls": f" {written} \n"})
    assert form.is_valid()
    assert form.cleaned_data["urls"] == [taken]


# --- REST --------------------------------------------------------------------------------------------------
def test_a_document_is_brought_in_read_and_deleted_over_rest(
    alice: Any, bob: Any, api_of: Any, run_tasks: Any, web: Web
) -> None:
    api = api_of(alice)
    made = api.post(f"{ROOT}/knowledge-documents/", {"file": handbook(), "tags": ["HR"]}, format="multipart")
    assert (made.status_code, made.data["status"], made.data["tags"]) == (202, "waiting", ["hr"])
    again = api.post(f"{ROOT}/knowledge-documents/", {"file": handbook()}, format="multipart")
    assert (again.status_code, again.data["code"]) == (409, "conflict")
    run_tasks()
    address = f"{ROOT}/knowledge-documents/{made.data['id']}/"
    read = api.get(address).data
    assert (read["status"], read["passage_count"], read["done_count"]) == ("ready", 40, 40)
    passages = api.get(f"{ROOT}/knowledge/", {"document": read["id"], "ordering": "id"}).data["results"]
    assert passages[2]["place"] == "p. 3 · Leave"
    hit = api.get(f"{ROOT}/knowledge/search/", {"q": "Rule 17"}).data["results"][0]
    assert hit["source"] == "handbook.pdf"
    web.pages["/page"] = ("text/html", b"<p>Be kind.")
    taken = api.post(f"{ROOT}/knowledge-documents/", {"url": f"{web.url}/page", "tags": ["web"]})
    assert (taken.status_code, taken.data["kind"]) == (202, "url")
    run_tasks()
    assert api.post(f"{ROOT}/knowledge-documents/{taken.data['id']}/retry/").status_code == 202
    assert api_of(bob).get(address).status_code == 200
    assert api_of(bob).delete(address).status_code == 403
    assert api_of(bob).post(f"{address}retry/").status_code == 403
    assert api.patch(address, {"title": "x"}).status_code == 405
    assert api.delete(address).status_code == 204
    assert Knowledge.objects.count() == 1


def test_many_are_brought_in_over_rest(alice: Any, auditor: Any, api_of: Any, run_tasks: Any) -> None:
    api = api_of(alice)
    files = {"files": [upload(), upload("b.txt", b"other text"), upload("c.bin", b"\0\1")]}
    made = api.post(f"{ROOT}/knowledge-imports/", files, format="multipart")
    assert made.status_code == 202, made.data
    assert made.data["progress"] | {"states": None} == {
        "total": 3, "ended": 0, "failed": 0, "percent": 0, "passages": 0, "is_busy": True, "states": None,
    }  # fmt: skip
    run_tasks()
    address = f"{ROOT}/knowledge-imports/{made.data['id']}/"
    progress = api.get(address).data["progress"]
    assert (progress["percent"], progress["states"]) == (100, {"ready": 2, "failed": 1})
    rows = api.get(f"{ROOT}/knowledge-documents/", {"batch": made.data["id"], "status": "failed"}).data[
        "results"
    ]
    assert [row["reason_code"] for row in rows] == ["type"]
    assert api.post(f"{address}retry/").data == {"retried": 1}
    urls = api.post(f"{ROOT}/knowledge-imports/", {"urls": ["ftp://x", "http://127.0.0.1/x"]})
    run_tasks()
    failed = api.get(f"{ROOT}/knowledge-documents/", {"batch": urls.data["id"]}).data["results"]
    assert {row["reason_code"] for row in failed} == {"bad_scheme", "url_private"}
    assert api_of(auditor).get(address).status_code == 200
    assert (
        api_of(auditor).post(f"{ROOT}/knowledge-imports/", {"urls": ["http://x.example"]}).status_code == 403
    )


@pytest.mark.parametrize(
    "given", [{}, {"url": ""}, {"url": "nonsense"}, {"url": 7}, {"url": "https://x", "tags": "y"}]
)
def test_bad_documents_are_refused(alice: Any, api_of: Any, given: dict[str, Any]) -> None:
    assert api_of(alice).post(f"{ROOT}/knowledge-documents/", given).status_code == 400
    assert api_of(alice).post(f"{ROOT}/knowledge-imports/", {"urls": []}).status_code == 400


def test_too_many_files_at_once_are_refused_as_a_problem(alice: Any, api_of: Any) -> None:
    files = {"files": [upload(f"{number}.txt", b"x") for number in range(101)]}
    answer = api_of(alice).post(f"{ROOT}/knowledge-imports/", files, format="multipart")
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert not KnowledgeImport.objects.exists()


def test_lists_over_rest_take_few_queries(
    alice: Any, api_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    api = api_of(alice)
    for number in range(4):
        data = {"files": [upload(f"{number}-{n}.txt", f"text {number} {n}".encode()) for n in range(3)]}
        api.post(f"{ROOT}/knowledge-imports/", data, format="multipart")
    run_tasks()
    for name in ("knowledge-imports", "knowledge-documents"):
        with django_assert_max_num_queries(6):
            listed = api.get(f"{ROOT}/{name}/").data["results"]
        assert len(listed) in (4, 12)


def test_an_operator_deletes_a_document_in_the_admin(
    alice: Any, admin_user: Any, client_of: Any, run_tasks: Any
) -> None:
    client_of(alice).post(reverse("knowledge:bring_in"), {"files": [upload()]})
    run_tasks()
    document = KnowledgeDocument.objects.get()
    admin = client_of(admin_user)
    for name, row in (("knowledgedocument", document), ("knowledgeimport", document.batch)):
        assert admin.get(reverse(f"admin:knowledge_{name}_changelist")).status_code == 200
        assert admin.get(reverse(f"admin:knowledge_{name}_change", args=[row.pk])).status_code == 200
    admin.post(reverse("admin:knowledge_knowledgedocument_delete", args=[document.pk]), {"post": "yes"})
    assert not Knowledge.objects.exists()
