"""Tools from OpenAPI documents: read by address or given, called over a real loopback server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agi_site.lib.problems import Invalid
from sandbox.models import SandboxTemplate
from tools import services as tools
from tools.models import PolicyEffect, Tool, ToolExecution, ToolPolicy, ToolSource
from tools.sources import openapi, services

DOCUMENT = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "/v1"}]
paths:
  /pets/{name}:
    parameters:
      - {$ref: "#/components/parameters/Name"}
    get:
      operationId: readPet
      summary: Reads a pet.
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
      responses: {"200": {description: it}}
    delete:
      responses: {"204": {description: gone}}
  /pets:
    post:
      operationId: addPet
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Pet"}
      responses: {"201": {description: made}}
  /form:
    post:
      operationId: sendForm
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {a: {type: string}, b: {type: array, items: {type: integer}}}}
      responses: {"200": {description: ok}}
  /any:
    put:
      operationId: putAny
      requestBody:
        required: true
        content:
          application/json:
            schema: {oneOf: [{type: string}, {type: object}]}
      responses: {"200": {description: ok}}
  /upload:
    post:
      operationId: upload
      requestBody: {required: true, content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
  /fails:
    get: {operationId: fails, responses: {"500": {description: broken}}}
components:
  parameters:
    Name: {name: name, in: path, required: true, description: Its name., schema: {type: string}}
  schemas:
    Pet:
      type: object
      required: [name, id]
      properties:
        id: {type: integer, readOnly: true}
        name: {type: string, maxLength: 20}
        parent: {$ref: "#/components/schemas/Pet"}
        kind: {type: string, enum: [cat, dog]}
"""

# 2 · 8^6 values by aliases
BOMB = "a: &a [x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{name}'] * 8)}]\n" for name, after in pairwise("abcdefg")
)


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, *args: Any) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = urlsplit(self.path)
        if parts.path == "/openapi.yaml":
            self.answer(200, DOCUMENT.encode(), "application/yaml")
            return
        asked = {
            "method": self.command,
            "path": parts.path,
            "query": parse_qs(parts.query),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        self.server.asked.append(asked)
        if parts.path == "/v1/fails":
            self.answer(500, b'{"title": "it broke"}', "application/problem+json")
        else:
            self.answer(200, json.dumps(asked).encode(), "application/json")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the library calls them so

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def api(settings: Any) -> Iterator[Api]:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    running = Api()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def source(api: Api, operator: Any, run_tasks: Any) -> ToolSource:
    added = services.add_source(
        by=operator,
        name="pets",
        kind="openapi",
        document_url=f"{api.url}/openapi.yaml",
        secrets={"Authorization": "Bearer s3cret", "?key": "k1"},
    )
    run_tasks()
    added.refresh_from_db()
    assert added.error_message is None
    return added


@pytest.fixture
def call(
    source: ToolSource, alice: Any, operator: Any, transactional_db: None
) -> Callable[..., ToolExecution]:
    def run(remote: str, **arguments: Any) -> ToolExecution:
        tool = source.tools.get(remote_name=remote)
        services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
        ToolPolicy.objects.get_or_create(tool=tool, effect=PolicyEffect.ALLOW)
        return tools.run_tool(user=alice, name=tool.name, arguments=arguments)

    return run


def test_each_operation_that_can_be_called_becomes_a_tool_that_is_off(source: ToolSource) -> None:
    rows = {row.remote_name: row for row in source.tools.with_parameters()}

    assert set(rows) == {"readPet", "delete_/pets/{name}", "addPet", "sendForm", "putAny", "fails"}
    assert not any(row.enabled for row in rows.values())
    assert rows["readPet"].retry_safe
    assert not rows["addPet"].retry_safe
    assert {p.name: p.required for p in rows["readPet"].parameters.all()} == {
        "name": True,
        "fields": False,
        "tags": False,
        "X-Trace": False,
    }
    added = {p.name: p for p in rows["addPet"].parameters.all()}
    assert set(added) == {"name", "parent", "kind"}  # what is read only is not asked for
    assert added["name"].required
    assert added["kind"].schema == {"enum": ["cat", "dog"]}
    assert "object" in added["parent"].schema["type"]  # a schema that contains itself is cut: anything goes


def test_arguments_go_where_the_document_says(call: Any, api: Api) -> None:
    done = call("readPet", name="a/b ?", fields=["x", "y"], tags=["1", "2"], **{"X-Trace": "t1"})

    assert (done.status, done.error_message) == ("completed", None)
    asked = done.result["body"]
    assert asked["path"] == "/v1/pets/a%2Fb%20%3F"
    assert asked["query"] == {"fields": ["x", "y"], "tags": ["1,2"], "key": ["k1"]}
    assert asked["headers"]["x-trace"] == "t1"
    assert asked["headers"]["authorization"] == "Bearer s3cret"

    made = call("addPet", name="나비", kind="cat").result["body"]
    assert (made["method"], json.loads(made["body"])) == ("POST", {"name": "나비", "kind": "cat"})
    assert parse_qs(call("sendForm", a="x y", b=[1, 2]).result["body"]["body"]) == {
        "a": ["x y"],
        "b": ["1", "2"],
    }
    assert json.loads(call("putAny", body={"z": 1}).result["body"]["body"]) == {"z": 1}


@pytest.mark.parametrize("name", ["..", "."])
def test_a_path_cannot_be_climbed(call: Any, api: Api, name: str) -> None:
    assert call("readPet", name=name).status == "failed"
    assert api.asked == []


def test_headers_cannot_be_split(call: Any, api: Api) -> None:
    assert call("readPet", name="x", **{"X-Trace": "a\r\nX-Evil: 1"}).status == "failed"
    assert api.asked == []


def test_an_error_of_the_api_is_told(call: Any) -> None:
    failed = call("fails")
    assert (failed.status, failed.error_code) == ("failed", "failed")
    assert "500" in failed.error_message
    assert "it broke" in failed.error_message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "swagger: '2.0'\npaths: {}",
        "openapi: 4.0.0\npaths: {}",
        "openapi: 3.1.0",
        BOMB,
        "!!python/object/apply:os.system [echo]",
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        openapi.parse(text)
    assert refused.value.code == "bad_document"


def test_a_document_without_a_server_needs_the_address_of_the_api(operator: Any, run_tasks: Any) -> None:
    document = openapi.parse(DOCUMENT)
    added = services.add_source(by=operator, name="given", kind="openapi", document=document)
    run_tasks()
    added.refresh_from_db()
    assert added.error_message
    services.change_source(source=added, by=operator, url="https://api.example.com/v2")
    run_tasks()
    assert added.tools.get(remote_name="addPet").details["server"] == "https://api.example.com/v2"


def test_our_own_schema_is_understood_and_can_be_called(
    live_server: Any, operator: Any, alice: Any, settings: Any, run_tasks: Any
) -> None:
    from accounts import services as accounts

    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost", "127.0.0.1"]
    token = accounts.open_session(user=alice, address="127.0.0.1", user_agent="tests", seconds=600).token
    source = services.add_source(
        by=operator,
        name="own",
        kind="openapi",
        document_url=f"{live_server.url}/api/schema/?format=json",
        secrets={"Authorization": f"Bearer {token}"},
    )
    run_tasks()
    source.refresh_from_db()
    assert source.error_message is None
    assert source.tools.count() > 200
    tool = source.tools.get(details__method="GET", details__path="/api/v1/tool-executions/")
    services.switch_tool(source=source, tool_id=tool.pk, enabled=True, by=operator)
    ToolPolicy.objects.create(tool=tool, effect=PolicyEffect.ALLOW)
    done = tools.run_tool(user=alice, name=tool.name, arguments={"page_size": 3})
    assert (done.status, done.error_message) == ("completed", None)
    assert done.result["body"]["results"][0]["tool_name"] == tool.name  # it sees itself run


# --- Doors ------------------------------------------------------------------
def test_over_rest_operators_add_read_switch_and_remove(
    api: Api, operator: Any, alice: Any, api_of: Any, run_tasks: Any
) -> None:
    rest, body = (
        api_of(operator),
        {"name": "pets", "kind": "openapi", "url": api.url, "document_text": DOCUMENT},
    )
    assert api_of(alice).post("/api/v1/tool-sources/", body).status_code == 403
    made = rest.post("/api/v1/tool-sources/", body | {"secrets": {"X-Key": "hush"}})
    assert made.status_code == 201, made.json()
    assert made.json()["secrets"] == {"X-Key": "••••••••"}
    run_tasks()
    address = f"/api/v1/tool-sources/{made.json()['id']}/"
    tool = Tool.objects.get(remote_name="addPet")
    switched = rest.post(f"{address}switch/", {"tool": tool.pk})
    assert switched.json()["enabled"] is True
    assert rest.post(f"{address}sync/").status_code == 202
    assert (
        rest.post("/api/v1/tool-sources/", body | {"name": "other", "document_text": "{}"}).status_code == 400
    )
    kept = {"enabled": False, "secrets": made.json()["secrets"]}
    assert rest.patch(address, kept).status_code == 200
    assert ToolSource.objects.get().secrets == {"X-Key": "hush"}
    assert rest.delete(address).status_code == 204
    assert not Tool.objects.filter(remote_name="addPet").exists()
    script = {"name": "greet", "script": "echo hi", "interpreter": "bash"}
    assert rest.post("/api/v1/tool-sources/scripts/", script).status_code == 201
    assert rest.post("/api/v1/tool-sources/scripts/", script).status_code == 400
    assert api_of(alice).post("/api/v1/tool-sources/scripts/", script).status_code == 403


def test_pages_add_show_and_switch(
    api: Api, operator: Any, alice: Any, client_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(operator)
    assert client.get("/tools/sources/").status_code == 200
    assert client_of(alice).get("/tools/sources/").status_code == 403
    for kind in ("mcp_http", "mcp_stdio", "openapi"):
        assert client.get(f"/tools/sources/new/{kind}/").status_code == 200
    assert client.get("/tools/sources/new/nothing/").status_code == 404
    bad = client.post("/tools/sources/new/mcp_http/", {"name": "x", "url": "ftp://x/"})
    assert bad.status_code == 400
    given = {
        "name": "pets",
        "document_url": f"{api.url}/openapi.yaml",
        "secrets": '{"X-Key": "hush"}',
        "enabled": "on",
    }
    assert client.post("/tools/sources/new/openapi/", given).status_code == 302
    run_tasks()
    source = ToolSource.objects.get()
    address = f"/tools/sources/{source.pk}/"
    with django_assert_max_num_queries(9):
        page = client.get(address).content.decode()
    assert "pets_addPet" in page
    assert "hush" not in client.get(f"{address}change/").content.decode()
    kept = {"document_url": source.document_url, "secrets": '{"X-Key": "••••••••"}', "enabled": "on"}
    assert client.post(f"{address}change/", kept).status_code == 302
    assert ToolSource.objects.get().secrets == {"X-Key": "hush"}
    tool = source.tools.get(remote_name="addPet")
    client.post(f"{address}switch/{tool.pk}/", {"on": "1"})
    assert Tool.objects.get(pk=tool.pk).enabled
    assert client.post(f"{address}sync/").status_code == 302
    script = {"name": "greet", "script": "echo hi\r\n", "interpreter": "bash", "parameters": "{}"}
    assert client.post("/tools/sources/scripts/new/", script).status_code == 302
    made = Tool.objects.get(name="greet")
    assert made.script == "echo hi\n"
    assert client.post(f"/tools/sources/scripts/{made.pk}/", script | {"script": ""}).status_code == 400
    assert (
        client.post(f"/tools/sources/scripts/{made.pk}/", script | {"script": "echo ho"}).status_code == 302
    )
    assert client.post(f"{address}delete/").status_code == 302
    assert not ToolSource.objects.exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "mcp_http"}, "url"),
        ({"kind": "mcp_http", "url": "http://2130706433/"}, "url"),
        ({"kind": "mcp_http", "url": "https://x.test/", "secrets": {"bad name": "x"}}, "secrets"),
        ({"kind": "mcp_http", "url": "https://x.test/", "secrets": {"X-Key": "a\nb"}}, "secrets"),
        ({"kind": "mcp_stdio"}, "command"),
        ({"kind": "mcp_stdio", "command": {"argv": []}}, "command"),
        ({"kind": "mcp_stdio", "command": {"argv": ["x"], "files": {"../x": "y"}}}, "command"),
        ({"kind": "mcp_stdio", "command": {"argv": ["x"], "template": "Nothing"}}, "command"),
        ({"kind": "mcp_stdio", "command": {"argv": ["x"], "template": ["Node"]}}, "command"),
        ({"kind": "openapi"}, "document"),
    ],
)
def test_sources_that_cannot_work_are_refused(operator: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.add_source(by=operator, name="x", **values)
    assert list(refused.value.errors) == [field]


def test_the_page_of_a_program_offers_the_templates_of_its_sandbox(operator: Any, client_of: Any) -> None:
    for name, active in (("Node", True), ("Retired", False)):
        SandboxTemplate.objects.create(name=name, image_name="i", is_active=active)
    client = client_of(operator)
    given = {"name": "words", "command": '{"argv": ["node", "x.js"]}', "template": "Node", "enabled": "on"}
    empty = client.get("/tools/sources/new/mcp_stdio/").context["form"]
    assert [empty[name].value() for name in ("command", "secrets", "template")] == ["", "", None]
    assert [name for name, field in empty.fields.items() if field.required] == ["name", "command"]
    refused = client.post("/tools/sources/new/mcp_stdio/", given | {"template": "Retired"})
    assert (refused.status_code, list(refused.context["form"].errors)) == (400, ["template"])
    assert client.post("/tools/sources/new/mcp_stdio/", given).status_code == 302
    source = ToolSource.objects.get()
    assert source.command == {"argv": ["node", "x.js"], "template": "Node"}
    form = client.get(f"/tools/sources/{source.pk}/change/").context["form"]
    assert form["template"].value() == "Node"
    assert form["command"].value() == '{"argv": ["node", "x.js"]}'
    assert client.post(f"/tools/sources/{source.pk}/change/", given | {"template": ""}).status_code == 302
    assert ToolSource.objects.get().command == {"argv": ["node", "x.js"]}


def test_a_taken_name_and_json_nested_without_end_are_told_on_the_page(operator: Any, client_of: Any) -> None:
    services.add_source(by=operator, name="taken", kind="mcp_http", url="https://tools.example/mcp")
    given = {"name": "taken", "url": "https://tools.example/mcp", "enabled": "on"}
    client = client_of(operator)
    refused = client.post("/tools/sources/new/mcp_http/", given)
    assert (refused.status_code, list(refused.context["form"].errors)) == (400, ["name"])
    deep = given | {"name": "other", "secrets": "[" * 100_000}
    refused = client.post("/tools/sources/new/mcp_http/", deep)
    assert (refused.status_code, list(refused.context["form"].errors)) == (400, ["secrets"])
