"""The REST door of tools."""

from typing import Any

import pytest

from system.models import Log
from tools import scripts, services, starter
from tools.models import Tool, ToolExecution


@pytest.fixture(autouse=True)
def _starter_tools(db: None) -> None:
    starter.load()


def url(name: str, verb: str = "") -> str:
    tool = Tool.objects.get(name=name)
    return f"/api/v1/tools/{tool.pk}/{verb}{'/' if verb else ''}"


def test_everyone_sees_the_tools_and_their_arguments(alice: Any, api_of: Any) -> None:
    rows = api_of(alice).get("/api/v1/tools/").json()["results"]
    found = {row["name"]: row for row in rows}
    assert {"calculator", "current_time", "knowledge_search"} <= set(found)
    assert found["calculator"]["available"] is True
    assert found["calculator"]["schema"]["required"] == ["expression"]
    parameters = api_of(alice).get("/api/v1/tool-parameters/", {"tool": found["calculator"]["id"]}).json()
    assert [row["name"] for row in parameters["results"]] == ["expression"]


def test_a_run_answers_with_its_line_of_the_ledger(alice: Any, api_of: Any) -> None:
    answer = api_of(alice).post(url("calculator", "run"), {"arguments": {"expression": "200의 15%"}})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["result"]["result"], body["tool_name"]) == ("completed", "30", "calculator")
    assert api_of(alice).get(f"/api/v1/tool-executions/{body['id']}/").json() == body


def test_a_failing_run_is_answered_too(alice: Any, api_of: Any) -> None:
    answer = api_of(alice).post(url("calculator", "run"), {"arguments": {"expression": "1/0"}})
    assert (answer.status_code, answer.json()["status"]) == (201, "failed")
    assert answer.json()["error_message"] == "Division by zero has no result."


def test_an_execution_of_someone_else_does_not_exist(alice: Any, bob: Any, api_of: Any) -> None:
    execution = services.run_tool(user=alice, name="current_time", arguments={})
    assert api_of(bob).get(f"/api/v1/tool-executions/{execution.pk}/").status_code == 404
    assert api_of(bob).get("/api/v1/tool-executions/").json()["results"] == []
    assert len(api_of(alice).get("/api/v1/tool-executions/").json()["results"]) == 1


def test_the_ledger_cannot_be_written(alice: Any, api_of: Any) -> None:
    execution = services.run_tool(user=alice, name="current_time", arguments={})
    address = f"/api/v1/tool-executions/{execution.pk}/"
    assert api_of(alice).post("/api/v1/tool-executions/", {}).status_code == 405
    assert api_of(alice).patch(address, {"status": "failed"}).status_code == 405
    assert api_of(alice).delete(address).status_code == 405


def test_an_argument_that_does_not_fit_is_named(alice: Any, api_of: Any) -> None:
    answer = api_of(alice).post(url("calculator", "run"), {"arguments": {"formula": "1"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_arguments")
    assert set(answer.json()["errors"]) == {"expression", "formula"}


@pytest.mark.parametrize(
    "body",
    [
        '{"arguments": {"expression": "1\\u0000"}}',
        '{"arguments": {"expression": "\\ud800"}}',
        '{"arguments": {"expression": 1e999}}',
        '{"arguments": {"expression": 100000000000000000000000000000000}}',
        '{"arguments": {"expression": NaN}}',
        '{"arguments": {"\\u0000": 1}}',
        '{"arguments": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"arguments": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
        '{"arguments": []}',
        '{"arguments": "x"}',
        '{"arguments": null}',
        "[]",
        '"x"',
        "{",
        '{"arguments": {"expression": [1]}}',
        '{"arguments": {"expression": "' + "x" * 200_000 + '"}}',
    ],
)
def test_a_body_that_makes_no_sense_is_a_bad_request(body: str, alice: Any, api_of: Any) -> None:
    answer = api_of(alice).post(url("calculator", "run"), body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not ToolExecution.objects.exists()


@pytest.mark.parametrize("key", ["nosuch", "%00", "a" * 500, "99999999999999999999999999"])
def test_a_key_that_names_nothing_is_not_found(key: str, alice: Any, api_of: Any) -> None:
    for resource in ("tools", "tool-parameters", "tool-executions"):
        assert api_of(alice).get(f"/api/v1/{resource}/{key}/").status_code == 404


def test_only_those_who_may_change_tools_switch_them(
    alice: Any, auditor: Any, operator: Any, api_of: Any
) -> None:
    for person in (alice, auditor):
        assert api_of(person).post(url("calculator", "disable")).status_code == 403
    answer = api_of(operator).post(url("calculator", "disable"))
    assert (answer.status_code, answer.json()["enabled"]) == (200, False)
    refused = api_of(alice).post(url("calculator", "run"), {"arguments": {"expression": "1"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "tool_disabled")
    assert api_of(operator).post(url("calculator", "enable")).json()["enabled"] is True


def test_a_visitor_is_asked_to_sign_in(client: Any) -> None:
    assert client.get("/api/v1/tools/").status_code == 401
    assert client.post(url("calculator", "run")).status_code == 401


@pytest.mark.parametrize("rows", [10, 1000])
def test_the_ledger_takes_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    tool = Tool.objects.get(name="calculator")
    ToolExecution.objects.bulk_create(
        ToolExecution(tool=tool, user=alice, status="completed") for _row in range(rows)
    )
    client = api_of(alice)
    with django_assert_max_num_queries(3):
        assert len(client.get("/api/v1/tool-executions/").json()["results"]) == min(rows, 50)


@pytest.mark.parametrize("rows", [10, 1000])
def test_the_catalogue_takes_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    Tool.objects.bulk_create(Tool(name=f"tool {number}") for number in range(rows))
    client = api_of(alice)
    with django_assert_max_num_queries(5):
        client.get("/api/v1/tools/")


# --- Scripts --------------------------------------------------------------------------------------------
@pytest.fixture
def greet(operator: Any) -> Tool:
    return scripts.create_script(
        by=operator,
        name="greet",
        script="echo hi\n",
        description="Greets.",
        parameters={"properties": {"name": {"type": "string"}}, "required": ["name"]},
    )


def test_a_script_is_read_and_changed_by_those_who_may(greet: Tool, operator: Any, api_of: Any) -> None:
    rest, address = api_of(operator), url("greet", "script")
    found = rest.get(address).json()
    assert (found["script"], found["interpreter"], found["version"]) == ("echo hi\n", "bash", "1")
    assert found["parameters"]["required"] == ["name"]
    answer = rest.patch(
        address,
        {"script": "echo ho\n", "parameters": {"properties": {"times": {"type": "integer"}}}},
    )
    assert answer.status_code == 200
    assert answer.json() == rest.get(address).json()
    assert (answer.json()["script"], answer.json()["version"]) == ("echo ho\n", "2")
    assert answer.json()["description"] == "Greets."
    schema = rest.get(url("greet")).json()["schema"]
    assert list(schema["properties"]) == ["times"]
    assert rest.patch(address, {}).json()["version"] == "2"
    assert Log.objects.filter(message__contains="script tool greet was changed", user_id=operator.pk).exists()


def test_others_neither_read_nor_change_a_script(greet: Tool, alice: Any, api_of: Any) -> None:
    rest, address = api_of(alice), url("greet", "script")
    assert rest.get(url("greet")).status_code == 200
    for answer in (rest.get(address), rest.patch(address, {"script": "echo mine"})):
        assert answer.status_code == 403
        assert answer.headers["Content-Type"] == "application/problem+json"
    greet.refresh_from_db()
    assert greet.script == "echo hi\n"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"script": " "}, "script"),
        ({"script": "x" * (scripts.LONGEST_SCRIPT + 1)}, "script"),
        ({"interpreter": "perl"}, "interpreter"),
        ({"parameters": {"type": "object"}}, "parameters"),
        ({"parameters": {"properties": {"a b": {}}}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"description": "x" * 4001}, "description"),
    ],
)
def test_a_change_that_is_no_script_is_refused_by_name(
    greet: Tool, operator: Any, api_of: Any, body: dict[str, Any], field: str
) -> None:
    answer = api_of(operator).patch(url("greet", "script"), body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    greet.refresh_from_db()
    assert (greet.script, greet.version) == ("echo hi\n", "1")


def test_a_tool_that_is_no_script_cannot_be_changed_like_one(operator: Any, api_of: Any) -> None:
    for answer in (
        api_of(operator).get(url("calculator", "script")),
        api_of(operator).patch(url("calculator", "script"), {"script": "echo"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_a_script")
    nobody = "/api/v1/tools/00000000-0000-0000-0000-000000000000/script/"
    assert api_of(operator).patch(nobody, {}).status_code == 404
