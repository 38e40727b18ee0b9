"""The start page, the frame of every page, and pages for errors."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import formats, translation
from pytest_django import DjangoAssertNumQueries

from agi_site import discovery, views
from agi_site.lib.problems import Conflict, Invalid, NotFound, TooMany, Unavailable
from agi_site.problem_pages import ProblemPages
from conversations.models import Conversation
from knowledge.models import Memory


@pytest.mark.django_db
def test_a_visitor_sees_what_this_is_and_how_to_sign_in(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "/accounts/sign-in/" in page
    assert "/accounts/sign-up/" in page
    assert 'id="composer"' not in page


@pytest.mark.django_db
def test_where_sign_up_is_closed_visitors_are_not_invited(client: Client, settings: Any) -> None:
    settings.SIGN_UP_OPEN = False
    assert "/accounts/sign-up/" not in client.get("/").content.decode()


def test_a_person_is_greeted_and_finds_their_newest_conversations(
    alice: Any, bob: Any, client_of: Any
) -> None:
    Conversation.objects.create(user=alice, title="Leave policy")
    Conversation.objects.create(user=bob, title="Bob's secret")
    page = client_of(alice).get("/").content.decode()
    assert "Hello, Alice" in page
    assert "Leave policy" in page
    assert "Bob's secret" not in page


def test_the_start_page_costs_the_same_however_much_there_is(
    alice: Any, client_of: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(alice)
    client.get("/")
    Conversation.objects.bulk_create(Conversation(user=alice, title=f"no. {n}") for n in range(300))
    Memory.objects.bulk_create(Memory(user=alice, type="semantic", content=f"no. {n}") for n in range(1200))
    with django_assert_max_num_queries(9):
        page = client.get("/").content.decode()
    assert "1,000+" in page


@pytest.mark.django_db
def test_pages_speak_the_language_the_browser_wishes(client: Client) -> None:
    assert (
        '<html lang="ko"' in client.get("/", headers={"accept-language": "ko-KR,ko;q=0.9"}).content.decode()
    )
    assert '<html lang="en"' in client.get("/", headers={"accept-language": "de,en;q=0.5"}).content.decode()


@pytest.mark.django_db
def test_a_chosen_appearance_is_kept_and_can_be_given_back(client: Client) -> None:
    answer = client.post("/theme/", {"theme": "dark", "next": "/accounts/sign-in/"})
    assert answer.url == "/accounts/sign-in/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme/", {"theme": "auto"})
    assert "data-theme=" not in client.get("/").content.decode().split("<head>")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_appearance_switch_leads_nowhere_else(client: Client, elsewhere: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": elsewhere}).url == "/"


@pytest.mark.django_db
def test_an_unknown_address_says_so_in_the_visitors_language(alice: Any, client_of: Any) -> None:
    answer = client_of(alice).get("/no-such-page/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_fault_of_ours_names_the_request_without_touching_the_database(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.id = "0198c0de-request"  # type: ignore[attr-defined]
    request._messages = []  # type: ignore[attr-defined]
    answer = views.server_error(request)
    assert answer.status_code == 500
    assert "0198c0de-request" in answer.content.decode()


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (Invalid("no good"), 400),
        (NotFound("not here"), 404),
        (Conflict("changed"), 409),
        (TooMany("slow down", retry_after=7), 429),
        (Unavailable("asleep"), 503),
    ],
)
def test_what_a_service_refuses_becomes_a_page_that_says_why(
    rf: RequestFactory, problem: Any, status: int
) -> None:
    request = rf.get("/somewhere/")
    request._messages = []  # type: ignore[attr-defined]
    answer = ProblemPages(lambda _request: None).process_exception(request, problem)  # type: ignore[arg-type]
    assert answer is not None
    assert answer.status_code == status
    if isinstance(problem, TooMany):
        assert answer.headers["Retry-After"] == "7"


def test_htmx_gets_the_refusal_as_one_sentence_it_can_show(rf: RequestFactory) -> None:
    request = rf.post("/somewhere/")
    request.htmx = type("Htmx", (), {"boosted": False, "__bool__": lambda self: True})()  # type: ignore[attr-defined]
    problem = Invalid(errors={"content": ["먼저 쓰세요."]})
    answer = ProblemPages(lambda _request: None).process_exception(request, problem)  # type: ignore[arg-type]
    assert answer is not None
    assert answer.headers["X-Problem"].startswith("%EB%A8%BC")
    assert answer.content.decode() == "먼저 쓰세요."


def test_any_other_exception_is_left_alone(rf: RequestFactory) -> None:
    assert ProblemPages(lambda _request: None).process_exception(rf.get("/"), ValueError()) is None  # type: ignore[arg-type]


# --- Who answers -------------------------------------------------------------
def test_the_guide_says_what_it_cannot_do(
    alice: Any, client_of: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.CHAT_ENGINE = "guide"
    monkeypatch.setattr(views, "discover_local", lambda: None)
    page = client_of(alice).get("/engine/", headers={"hx-request": "true"}).content.decode()
    assert "No language model is connected" in page
    assert "<html" not in page


def test_a_model_server_on_this_machine_is_offered(
    alice: Any, client_of: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.CHAT_ENGINE = "guide"
    server = discovery.LocalServer("Ollama", "http://127.0.0.1:11434/v1", ("qwen3:8b",))
    monkeypatch.setattr(views, "discover_local", lambda: server)
    page = client_of(alice).get("/engine/").content.decode()
    assert "CHAT_BASE_URL=http://127.0.0.1:11434/v1 CHAT_MODEL=qwen3:8b make run" in page


def test_only_the_local_servers_are_asked_and_only_once_a_minute(monkeypatch: Any) -> None:
    asked: list[str] = []

    def ask(name: str, url: str) -> discovery.LocalServer | None:
        asked.append(url)
        return discovery.LocalServer(name, url, ("m",)) if "8080" in url else None

    monkeypatch.setattr(discovery, "_ask", ask)
    found = discovery.discover_local()
    assert found is not None
    assert (found.name, found.models) == ("llama.cpp", ("m",))
    assert discovery.discover_local() == found
    assert asked == ["http://127.0.0.1:11434/v1", "http://127.0.0.1:8080/v1"]


def test_a_machine_without_a_model_server_is_no_error(monkeypatch: Any) -> None:
    monkeypatch.setattr(discovery, "SERVERS", [("nobody", "http://127.0.0.1:9/v1")])
    assert discovery.discover_local() is None


def test_korean_dates_name_the_half_of_the_day_before_the_hour() -> None:
    moment = datetime(2026, 11, 29, 15, 5, tzinfo=UTC)
    with translation.override("ko"):
        assert formats.date_format(moment, "DATETIME_FORMAT") == "2026년 11월 29일 오후 3:05"
