"""The MCP server of a served site, asked by the SDK's own client: the token decides what there is."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests import database
from tests.infra.processes import environment, free_ports, serve, status_of, wait_until

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"


class Site:
    """A served site and the tokens of its people."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {token}"} if token else {}
        )
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read() or b"{}"))

    def person(self, name: str) -> str:
        """A token of a new person."""
        self.post(
            "/api/v1/auth/sign-up/",
            {"username": name, "email": f"{name}@example.com", "nickname": name, "password": PASSWORD},
        )
        return str(self.post("/api/v1/auth/token/", {"username": name, "password": PASSWORD})["token"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    env = environment(folder / "data", PORT=str(free_ports()))
    url = f"http://127.0.0.1:{env['PORT']}"
    database.copy_sqlite(folder / "data" / "agi.sqlite3")
    with serve(env, folder / "log"):
        wait_until(lambda: status_of(f"{url}/accounts/sign-in/") == 200, 240)
        yield Site(url)


def ask(site: Site, token: str, work: Any, mode: str = "auto") -> Any:
    """What `work(client)` gives, over the SDK's client with this token."""

    async def go() -> Any:
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{site.url}/mcp/", http_client=http), mode=mode) as client,
        ):
            return await work(client)

    return anyio.run(go)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_are_listed_and_called_with_the_rights_and_in_the_ledger_of_the_caller(
    site: Site, mode: str
) -> None:
    token = site.person(f"alice-{mode}")

    async def work(client: Any) -> Any:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"calculator", "knowledge_search", "memory_search"} <= set(listed)
        assert listed["calculator"].input_schema["required"] == ["expression"]
        wrong = await client.call_tool("calculator", {"nothing": 1})
        missing = await client.call_tool("no_such_tool", {})
        return await client.call_tool("calculator", {"expression": "6 * 7"}), wrong, missing

    done, wrong, missing = ask(site, token, work, mode)
    assert not done.is_error
    assert done.structured_content["result"] == "42"
    assert wrong.is_error
    assert "expression" in wrong.content[0].text
    assert missing.is_error
    request = urllib.request.Request(
        f"{site.url}/api/v1/tool-executions/", headers={"authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        (row,) = json.load(answer)["results"]
    assert (row["tool_name"], row["status"], row["asked_through"]) == ("calculator", "completed", "mcp")


def test_memories_of_other_people_are_not_found(site: Site) -> None:
    carol, dave = site.person("carol"), site.person("dave")
    site.post("/api/v1/memories/", {"type": "semantic", "content": "Carol keeps bees on the roof."}, carol)

    async def work(client: Any) -> Any:
        found = await client.call_tool("memory_search", {"query": "bees on the roof"})
        return [one["snippet"] for one in found.structured_content["results"]]

    assert ask(site, carol, work) == ["Carol keeps bees on the roof."]
    assert ask(site, dave, work) == []


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}]
)
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_strangers_get_401(site: Site, headers: dict[str, str], path: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    request = urllib.request.Request(
        site.url + path, body, {"content-type": "application/json", "accept": "application/json", **headers}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 401
    assert refused.value.headers["www-authenticate"] == "Bearer"
    refused.value.close()
