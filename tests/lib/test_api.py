"""REST: one shape for every problem, bounds on what is asked, and a document that tells the truth."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from django.contrib import admin
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import IntegrityError
from django.utils.translation import get_language
from drf_spectacular import validation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from agi_site.api_docs import SchemaView
from agi_site.api_urls import router
from agi_site.lib.admin import tell_problems
from agi_site.lib.api.errors import problem_handler
from agi_site.lib.crypto import MASK
from agi_site.lib.problems import Conflict, Invalid
from creative.models import CreativeWork, WorkType
from planning.models import Plan
from tools.models import ToolSource

ApiOf = Callable[[Any], APIClient]
PLANS = "/api/v1/plans/"


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, after a look at its shape."""
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert (body["type"], body["status"], body["code"]) == ("about:blank", status, code)
    assert body["title"]
    return body


# --- One shape for every problem ------------------------------------------------
def test_wrong_input_is_named_by_field(alice: Any, api_of: ApiOf) -> None:
    body = problem(api_of(alice).post(PLANS, {"title": "x" * 201}), 400, "invalid")
    assert set(body["errors"]) == {"title"}


def test_a_visitor_gets_401_with_a_challenge(db: None) -> None:
    response = APIClient().get(PLANS)
    problem(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_made_up_token_gets_401(db: None) -> None:
    response = APIClient().get(PLANS, headers={"Authorization": "Bearer made-up"})
    problem(response, 401, "authentication_failed")


def test_a_person_without_the_right_gets_403(alice: Any, api_of: ApiOf) -> None:
    problem(api_of(alice).get("/api/v1/logs/"), 403, "forbidden")


def test_a_row_that_is_not_there_gets_404(alice: Any, api_of: ApiOf) -> None:
    problem(api_of(alice).get(f"{PLANS}nothing/"), 404, "not_found")


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v1/users/0.5/", "/api/", "/api/nothing"])
def test_an_unknown_address_gets_404_for_every_method_without_sign_in(
    db: None, method: str, path: str
) -> None:
    client = APIClient(enforce_csrf_checks=True)
    problem(getattr(client, method)(path), 404, "not_found")


def test_a_reader_who_forgot_the_slash_is_sent_on(db: None) -> None:
    response = APIClient().get("/api/v1/plans?page_size=1")
    assert (response.status_code, response.headers["Location"]) == (302, "/api/v1/plans/?page_size=1")


def test_a_method_that_a_resource_lacks_gets_405(alice: Any, api_of: ApiOf) -> None:
    response = api_of(alice).put(PLANS, {})
    problem(response, 405, "method_not_allowed")
    assert "PUT" not in response.headers["Allow"]


def test_a_type_that_cannot_be_sent_gets_406(alice: Any, api_of: ApiOf) -> None:
    problem(api_of(alice).get(PLANS, headers={"Accept": "image/png"}), 406, "not_acceptable")


def test_a_row_in_the_way_gets_409(alice: Any) -> None:
    response = problem_handler(IntegrityError("unique"), {})
    assert response is not None
    assert (response.status_code, response.data["code"]) == (409, "integrity")
    refused = problem_handler(Conflict(), {})
    assert refused is not None
    assert (refused.status_code, refused.data["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_a_body_that_is_not_json_gets_415(alice: Any, api_of: ApiOf, media_type: str) -> None:
    answer = api_of(alice).post(PLANS, b"title=x", content_type=media_type)
    said = problem(answer, 415, "unsupported_media_type")["title"]
    assert media_type.partition(";")[0] in said
    assert "one of: application/json" in said


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"title": NaN}', "\xff"])
def test_json_that_cannot_be_read_gets_400(alice: Any, api_of: ApiOf, text: str) -> None:
    body = text.encode("latin-1")
    problem(api_of(alice).post(PLANS, body, content_type="application/json"), 400, "parse_error")


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_json_that_is_no_object_gets_400(alice: Any, api_of: ApiOf, body: Any) -> None:
    sent = api_of(alice).post(PLANS, json.dumps(body), content_type="application/json")
    problem(sent, 400, "invalid")


# --- How often ----------------------------------------------------------------
@pytest.fixture
def slow_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", {"person": "2/hour", "visitor": "1/hour"})


@pytest.mark.usefixtures("slow_rates")
def test_too_many_requests_get_429_and_are_told_when_to_come_back(
    alice: Any, bob: Any, api_of: ApiOf
) -> None:
    client = api_of(alice)
    assert [client.get(PLANS).status_code for _ in range(2)] == [200, 200]
    response = client.get(PLANS)
    problem(response, 429, "throttled")
    assert 1 <= int(response.headers["Retry-After"]) <= 3600
    assert api_of(bob).get(PLANS).status_code == 200


@pytest.mark.usefixtures("slow_rates")
def test_a_visitor_cannot_escape_the_limit_by_naming_another_address(db: None) -> None:
    client = APIClient()
    assert client.get("/api/schema/", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 200
    again = client.get("/api/schema/", headers={"X-Forwarded-For": "5.6.7.8"})
    problem(again, 429, "throttled")


def test_the_description_is_made_once_for_each_language_and_form(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(self: Any, request: Any = None, public: bool = False) -> dict[str, str]:
        made.append(get_language())
        return {"openapi": "3.1", "language": str(get_language())}

    monkeypatch.setattr(SchemaView, "made", {})
    monkeypatch.setattr(SchemaView.generator_class, "get_schema", make)
    client = APIClient()
    for language in ("en", "ko", "en", "ko"):
        answer = client.get("/api/schema/", {"format": "json"}, headers={"Accept-Language": language})
        assert answer.json()["language"] == language
        assert answer.headers["Content-Type"].endswith("+json")
    assert made == ["en", "ko"]
    assert "openapi: '3.1'" in client.get("/api/schema/").content.decode()
    assert len(made) == 3


def test_the_page_of_the_description_takes_one_that_it_reads_fast(db: None) -> None:
    page = APIClient().get("/api/docs/", {"script": ""}).content.decode()
    assert "/api/docs/schema/" in page
    assert '"docExpansion": "none"' in page
    document = APIClient().get("/api/docs/schema/", {"format": "json"}).json()
    assert document["openapi"] == "3.0.3"
    assert "/api/v1/conversations/" in document["paths"]
    assert APIClient().get("/api/schema/", {"format": "json"}).json()["openapi"] == "3.1.1"


# --- Lists ----------------------------------------------------------------------
@pytest.mark.parametrize("size", ["0", "201", "-1", "1.5", "ten", "", "٣", "9" * 5000])
def test_a_page_holds_from_1_to_200_rows(alice: Any, api_of: ApiOf, size: str) -> None:
    body = problem(api_of(alice).get(PLANS, {"page_size": size}), 400, "invalid")
    assert set(body["errors"]) == {"page_size"}


@pytest.mark.parametrize("size", ["1", "200"])
def test_the_bounds_themselves_are_fine(alice: Any, api_of: ApiOf, size: str) -> None:
    assert api_of(alice).get(PLANS, {"page_size": size}).status_code == 200


def cursor(*position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "value",
    [5, True, "no time", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", float("nan"), 1e999, {}, []],
)
def test_a_cursor_with_what_is_no_time_is_refused(alice: Any, api_of: ApiOf, value: Any) -> None:
    asked = {"ordering": "created_at", "cursor": cursor(0, value, "key")}
    problem(api_of(alice).get(PLANS, asked), 400, "bad_cursor")


@pytest.mark.parametrize(
    "text",
    ["x", "é", "e30", cursor(), cursor(2, "a"), cursor(0, None), cursor(0, "\ud800"), cursor(0, "a", "b"),
     base64.urlsafe_b64encode(b"[" * 50_000).decode()],
)  # fmt: skip
def test_a_cursor_that_was_not_made_here_is_refused(alice: Any, api_of: ApiOf, text: str) -> None:
    problem(api_of(alice).get(PLANS, {"cursor": text}), 400, "bad_cursor")


def test_a_filter_that_a_list_has_not_is_refused_and_says_which_it_has(alice: Any, api_of: ApiOf) -> None:
    body = problem(api_of(alice).get(PLANS, {"statsu": "failed"}), 400, "invalid")
    assert set(body["errors"]) == {"statsu"}
    assert "status" in body["errors"]["statsu"][0]


def test_a_list_takes_each_parameter_that_its_description_names(alice: Any, api_of: ApiOf) -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    refused = {}
    for prefix, _view, _name in router.registry:
        address = f"/api/v1/{prefix}/"
        named = [one["name"] for one in paths.get(address, {}).get("get", {}).get("parameters", [])]
        own = [one for one in named if one not in {"cursor", "page_size"}]
        answer = api_of(alice).get(address, dict.fromkeys(own, ""))
        if answer.status_code == 400 and "has no such filter" in answer.content.decode():
            refused[address] = answer.json()["errors"]
    assert refused == {}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "soon", "\0"])
def test_a_filter_by_an_impossible_time_is_refused(alice: Any, api_of: ApiOf, time: str) -> None:
    body = problem(api_of(alice).get(PLANS, {"created_at__gte": time}), 400, "invalid")
    assert set(body["errors"]) == {"created_at__gte"}


# --- Values that a column cannot hold --------------------------------------------
def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else "end"


def writable(kind: Any) -> list[Any]:
    """The fields of that kind in which any resource takes input."""
    made = (viewset.serializer_class() for _prefix, viewset, _name in router.registry)
    return [
        f
        for serializer in made
        for f in serializer.fields.values()
        if isinstance(f, kind) and not f.read_only
    ]


@pytest.mark.parametrize(
    "value",
    [nested(40), {"n": 2**70}, {"t": "\0"}, {"t": "\ud800"}, {"\0": 1}, {"f": float("inf")}, ["x"] * 20_000],
    ids=["deep", "huge number", "NUL", "half character", "NUL in a name", "infinite", "long"],
)
def test_no_resource_takes_json_that_a_column_cannot_hold(value: Any) -> None:
    fields = writable(serializers.JSONField)
    assert len(fields) >= 10
    for field in fields:
        with pytest.raises(serializers.ValidationError):
            field.run_validation(value)


@pytest.mark.parametrize(
    "value", ["nan", "-inf", "sNaN", float("inf"), 10**400], ids=["nan", "-inf", "sNaN", "inf", "huge"]
)
def test_no_resource_takes_a_number_that_is_not_finite(value: Any) -> None:
    fields = writable((serializers.FloatField, serializers.DecimalField))
    assert fields
    for field in fields:
        with pytest.raises(serializers.ValidationError):
            field.run_validation(value)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
def test_no_resource_takes_a_time_that_utc_does_not_have(settings: Any, time: str) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    fields = writable(serializers.DateTimeField)
    assert fields
    for field in fields:
        with pytest.raises(serializers.ValidationError):
            field.run_validation(time)


@pytest.mark.parametrize("rating", [0, 6, 2**70])
def test_a_rule_of_the_table_that_is_broken_names_its_field(alice: Any, api_of: ApiOf, rating: int) -> None:
    work = CreativeWork.objects.create(user=alice, title="song", type=WorkType.TEXT)
    sent = {"work": work.pk, "rating": rating}
    body = problem(api_of(alice).post("/api/v1/creative-feedback/", sent), 400, "invalid")
    assert set(body["errors"]) == {"rating"}


def test_a_rule_holds_for_a_change_too(alice: Any, api_of: ApiOf) -> None:
    work = CreativeWork.objects.create(user=alice, title="song", type=WorkType.TEXT)
    client = api_of(alice)
    made = client.post("/api/v1/creative-feedback/", {"work": work.pk, "rating": 5}).json()
    body = problem(client.patch(f"/api/v1/creative-feedback/{made['id']}/", {"rating": 9}), 400, "invalid")
    assert set(body["errors"]) == {"rating"}


def test_sealed_values_are_written_and_read_masked(admin_user: Any, api_of: ApiOf) -> None:
    client = api_of(admin_user)
    secrets = {"Authorization": "Bearer geheim"}
    sent = {"name": "store", "kind": "mcp_http", "url": "https://mcp.example.com/mcp", "secrets": secrets}
    made = client.post("/api/v1/tool-sources/", sent)
    assert made.status_code == 201
    assert made.json()["secrets"] == {"Authorization": MASK}
    address = f"/api/v1/tool-sources/{made.json()['id']}/"
    assert client.get(address).json()["secrets"] == {"Authorization": MASK}
    assert ToolSource.objects.get().secrets == secrets
    body = problem(client.patch(address, {"secrets": ["geheim"]}), 400, "invalid")
    assert set(body["errors"]) == {"secrets"}


# --- The document ---------------------------------------------------------------
@pytest.fixture(scope="module")
def document() -> tuple[dict[str, Any], dict[str, Any]]:
    """The OpenAPI document, and what the generator warned of."""
    GENERATOR_STATS.reset()
    made = SchemaGenerator().get_schema(request=None, public=True)
    return made, {**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache}


def test_the_document_is_valid_and_made_without_warnings(
    document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, warned = document
    monkeypatch.setattr(validation, "jsonschema", jsonschema_rs)  # the same in a hundredth of the time
    assert warned == {}
    validation.validate_schema(made)


def test_every_operation_tells_how_it_refuses(document: Any) -> None:
    for path, operations in document[0]["paths"].items():
        for method, operation in operations.items():
            refusals = {"400", "401", "403", "406", "429"}
            refusals |= {"404"} if "{" in path else set()
            refusals |= {"409", "415"} if method != "get" else set()
            assert refusals <= set(operation["responses"]), (method, path)


# --- The admin -------------------------------------------------------------------
def test_what_a_service_refuses_in_the_admin_changes_nothing_and_is_told(alice: Any, rf: Any) -> None:
    def half_done(_request: Any) -> Any:
        Plan.objects.create(user=alice, title="half")
        raise Conflict("It is running. Stop it first.")

    request = rf.post("/admin/planning/plan/?q=x")
    request._messages = CookieStorage(request)
    response = tell_problems(request, half_done)
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/planning/plan/?q=x")
    assert [str(message) for message in request._messages] == ["It is running. Stop it first."]
    assert not Plan.objects.exists()


def test_a_refused_action_is_told_at_every_table(
    admin_user: Any, client_of: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any) -> None:
        raise Invalid(errors={"plan": ["No plan of yours."]})

    Plan.objects.create(user=admin_user, title="a plan")
    plan_admin = admin.site.get_model_admin(Plan)
    monkeypatch.setattr(plan_admin, "delete_queryset", refuse)
    chosen = {"action": "delete_selected", "_selected_action": [Plan.objects.get().pk], "post": "yes"}
    response = client_of(admin_user).post("/admin/planning/plan/", chosen, follow=True)
    assert "No plan of yours." in response.content.decode()
    assert Plan.objects.count() == 1
