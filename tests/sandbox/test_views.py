"""The pages of sandboxes: the list, a new one, verbs, tabs, and whose they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agi_site.lib.problems import Conflict
from sandbox.models import (
    ExecutionKind,
    ExecutionStatus,
    HostStatus,
    Sandbox,
    SandboxEvent,
    SandboxExecution,
    SandboxHost,
    SandboxPort,
    SandboxSnapshot,
    SandboxStatus,
    SandboxTemplate,
)

HTMX = {"HTTP_HX_REQUEST": "true"}
TABS = ["detail", "files", "executions", "ports", "usage", "security", "snapshots", "events"]


def shown(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(f"sandbox:{name}", args=args), query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


# --- Making and moving --------------------------------------------------------
def test_two_clicks_make_a_sandbox_of_a_template_and_open_it(
    alice: Any, filled: Any, recipe: SandboxTemplate, client_of: Any
) -> None:
    client = client_of(alice)
    assert reverse("sandbox:new") in shown(client, "list")
    card = reverse("sandbox:create", args=[recipe.pk])
    assert f'action="{card}"' in shown(client, "new")
    response = client.post(card, {"at_once": "1"})
    made = Sandbox.objects.get()
    assert response.url == reverse("sandbox:detail", args=[made.pk])
    assert (made.user, made.template, made.status) == (alice, recipe, SandboxStatus.RUNNING)


def test_options_give_a_name_limits_and_ports(
    alice: Any, filled: Any, recipe: SandboxTemplate, client_of: Any
) -> None:
    client = client_of(alice)
    given = {
        "name": "work",
        "cpu_limit": 100,
        "memory_limit": 256,
        "disk_limit": 1024,
        "published": "8000, 9000",
        "expires_in": "3600",
    }
    assert client.post(reverse("sandbox:create", args=[recipe.pk]), given).status_code == 302
    made = Sandbox.objects.with_parts().get()
    assert (made.name, made.resource.memory_limit) == ("work", 256 * 1024**2)
    assert sorted(made.ports.values_list("container_port", "published")) == [(8000, True), (9000, True)]
    assert made.expires_at is not None


def test_what_is_not_possible_is_said_on_the_form(
    alice: Any, filled: Any, recipe: SandboxTemplate, client_of: Any
) -> None:
    given = {"cpu_limit": 100, "memory_limit": 1, "disk_limit": 1024, "published": "eighty"}
    response = client_of(alice).post(reverse("sandbox:create", args=[recipe.pk]), given)
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {"memory_limit", "published"}
    for ports in ("²", "9" * 5000, "0"):  # what Unicode or its length makes a number is no port
        again = client_of(alice).post(
            reverse("sandbox:create", args=[recipe.pk]), given | {"published": ports}
        )
        assert "published" in again.context["form"].errors
    given["published"] = ""
    response = client_of(alice).post(reverse("sandbox:create", args=[recipe.pk]), given)
    assert set(response.context["form"].errors) == {"memory_limit"}
    assert "32" in str(response.context["form"].errors["memory_limit"])  # MB, as the field has it, not bytes
    assert not Sandbox.objects.exists()


def test_a_template_that_is_switched_off_is_no_card(
    alice: Any, recipe: SandboxTemplate, client_of: Any
) -> None:
    SandboxTemplate.objects.update(is_active=False)
    assert "Python" not in shown(client_of(alice), "new")
    assert client_of(alice).post(reverse("sandbox:create", args=[recipe.pk])).status_code == 404


def test_the_head_offers_what_is_possible_and_does_it(mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    page = shown(client, "detail", mine.pk)
    for verb, offered in {
        "pause": True,
        "stop": True,
        "restart": True,
        "start": False,
        "resume": False,
    }.items():
        assert (f"/verbs/{verb}/" in page) is offered, verb
    address = reverse("sandbox:verb", args=[mine.pk, "stop"])
    part = client.post(address, {"tab": "files"}, **HTMX).content.decode()
    assert "<html" not in part
    assert "stopping" in part
    mine.refresh_from_db()
    assert mine.verb == "stop"
    assert client.post(address, **HTMX).status_code == 409
    for none in ("explode", "create", "change", "restore", "delete"):
        assert client.post(reverse("sandbox:verb", args=[mine.pk, none])).status_code == 404, none


def test_a_sandbox_is_deleted_after_a_question(mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    assert "files are gone" in shown(client, "delete", mine.pk)
    mine.refresh_from_db()
    assert mine.verb is None
    assert client.post(reverse("sandbox:delete", args=[mine.pk])).url == reverse("sandbox:list")
    mine.refresh_from_db()
    assert mine.verb == "delete"


def test_a_deleted_sandbox_has_no_page(a_sandbox: Sandbox, alice: Any, client_of: Any) -> None:
    Sandbox.objects.update(status=SandboxStatus.DELETED)
    assert client_of(alice).get(reverse("sandbox:detail", args=[a_sandbox.pk])).status_code == 404
    assert "mine" not in shown(client_of(alice), "list")


def test_a_sandbox_gets_another_name_and_another_end(mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    client.post(reverse("sandbox:rename", args=[mine.pk]), {"name": "봄"})
    client.post(reverse("sandbox:extend", args=[mine.pk]), {"seconds": "3600"})
    mine.refresh_from_db()
    assert mine.name == "봄"
    assert mine.expires_at > timezone.now()
    client.post(reverse("sandbox:extend", args=[mine.pk]), {"seconds": ""})
    mine.refresh_from_db()
    assert mine.expires_at is None


def test_a_clone_is_asked_for_with_its_name(mine: Sandbox, alice: Any, client_of: Any, asks: Any) -> None:
    asked = asks("services.clone_sandbox", mine)
    client_of(alice).post(reverse("sandbox:clone", args=[mine.pk]), {"name": "second"})
    assert asked.last == {"sandbox": mine, "by": alice, "name": "second"}


# --- Whose they are -------------------------------------------------------------
@pytest.mark.parametrize("tab", [*TABS, "head", "delete", "rename", "extend", "clone"])
def test_somebody_elses_sandbox_does_not_exist(
    tab: str, a_sandbox: Sandbox, bob: Any, client_of: Any
) -> None:
    assert client_of(bob).get(reverse(f"sandbox:{tab}", args=[a_sandbox.pk])).status_code == 404


def test_nothing_of_somebody_elses_can_be_moved(
    a_sandbox: Sandbox, an_execution: SandboxExecution, bob: Any, client_of: Any
) -> None:
    client = client_of(bob)
    port = SandboxPort.objects.create(sandbox=a_sandbox, container_port=80, host_port=0)
    snapshot = SandboxSnapshot.objects.create(user=a_sandbox.user, sandbox=a_sandbox)
    for name, *args in (
        ("verb", "stop"),
        ("delete",),
        ("open_terminal",),
        ("open_lines",),
        ("file_upload",),
        ("file_new",),
        ("file_delete",),
        ("execution_cancel", an_execution.pk),
        ("execution_input", an_execution.pk),
        ("close_terminal", an_execution.pk),
        ("port_remove", port.pk),
        ("snapshot_delete", snapshot.pk),
        ("snapshot_restore", snapshot.pk),
    ):
        assert client.post(reverse(f"sandbox:{name}", args=[a_sandbox.pk, *args])).status_code == 404, name


def test_a_snapshot_of_somebody_else_cannot_be_put_into_ones_own(
    a_sandbox: Sandbox, bob: Any, client_of: Any, a_template: SandboxTemplate
) -> None:
    snapshot = SandboxSnapshot.objects.create(user=a_sandbox.user, sandbox=a_sandbox, status="ready")
    own = Sandbox.objects.create(user=bob, image_name="python", status=SandboxStatus.RUNNING)
    for name in ("snapshot_restore", "snapshot_clone", "snapshot_delete"):
        address = reverse(f"sandbox:{name}", args=[own.pk, snapshot.pk])
        assert client_of(bob).post(address).status_code == 404
    address = reverse("sandbox:snapshot_download", args=[own.pk, snapshot.pk])
    assert client_of(bob).get(address).status_code == 404


def test_visitors_are_sent_to_sign_in(a_sandbox: Sandbox, client: Client) -> None:
    response = client.get(reverse("sandbox:detail", args=[a_sandbox.pk]))
    assert response.status_code == 302
    assert "/accounts/sign-in/" in response.url


# --- What the tabs show -------------------------------------------------------------
@pytest.mark.parametrize("tab", TABS)
def test_each_tab_is_a_page_and_a_part(tab: str, mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    page = shown(client, tab, mine.pk)
    assert page.count("<h1>") == 1
    part = client.get(
        reverse(f"sandbox:{tab}", args=[mine.pk]), **HTMX, HTTP_HX_TARGET="tab"
    ).content.decode()
    assert "<html" not in part
    assert "sandbox-head" not in part


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_takes_few_queries(
    tab: str, mine: Sandbox, alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        SandboxExecution.objects.create(sandbox=mine, user=alice, command=f"echo {number}", status="ended")
        SandboxEvent.objects.create(sandbox=mine, kind="stopped", data={"cause": "idle"})
        SandboxPort.objects.create(sandbox=mine, container_port=8000 + number, host_port=0)
    client = client_of(alice)
    client.get(reverse("sandbox:list"))
    with django_assert_max_num_queries(9):
        client.get(reverse(f"sandbox:{tab}", args=[mine.pk]))


def test_the_list_costs_the_same_for_many(
    a_sandbox: Sandbox, alice: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(35):
        Sandbox.objects.create(user=alice, name=f"row {number}", image_name="python")
    client = client_of(alice)
    client.get(reverse("sandbox:list"))
    with django_assert_max_num_queries(9):
        response = client.get(reverse("sandbox:list"))
    assert len(response.context["page"].rows) == 30
    assert response.context["page"].next


def test_the_list_says_in_what_state_each_is_and_why(a_sandbox: Sandbox, alice: Any, client_of: Any) -> None:
    Sandbox.objects.create(
        user=alice, name="dead", image_name="x", status="failed", cause="oom", detail="It ran out of memory."
    )
    page = shown(client_of(alice), "list")
    assert "running" in page
    assert page.count("It ran out of memory.") == 1


def test_events_say_what_happened_and_why(a_sandbox: Sandbox, alice: Any, client_of: Any) -> None:
    SandboxEvent.objects.create(sandbox=a_sandbox, kind="stopped", data={"cause": "idle"})
    SandboxEvent.objects.create(sandbox=a_sandbox, kind="port_opened", data={"port": 8000, "by": "alice"})
    SandboxEvent.objects.create(sandbox=a_sandbox, kind="something_new", data={"detail": "<b>said</b>"})
    page = shown(client_of(alice), "events", a_sandbox.pk)
    assert "nothing happened in it for a while" in page
    assert "port: 8000" in page
    assert "Something new" in page
    assert "&lt;b&gt;said&lt;/b&gt;" in page


def test_events_tell_changes_by_the_names_of_the_forms(
    a_sandbox: Sandbox, alice: Any, client_of: Any
) -> None:
    for data in (
        {"limits": {"memory_limit": 300 << 20, "idle_timeout": None}},
        {"policies": ["mount_policy"]},
        {"expires_at": "2031-01-02T10:19:09.656999+00:00"},
        {"expires_at": None},
    ):
        SandboxEvent.objects.create(sandbox=a_sandbox, kind="changed", data=data)
    page = shown(client_of(alice), "events", a_sandbox.pk).replace("\xa0", " ")
    assert "Memory, swap included 300 MB, Stops when idle for no limit" in page
    assert "Folders of the host" in page
    assert "expires: Jan. 2, 2031, 10:19 a.m." in page
    assert "expires: Never" in page


def test_when_it_expires_stays_unless_something_else_is_chosen(
    mine: Sandbox, alice: Any, client_of: Any
) -> None:
    until = timezone.now() + timedelta(days=3)
    Sandbox.objects.update(expires_at=until)
    address = reverse("sandbox:extend", args=[mine.pk])
    client = client_of(alice)
    assert '<option value="kept" selected>As now: ' in client.get(address).content.decode()
    assert client.post(address, {"seconds": "kept"}).status_code == 302
    mine.refresh_from_db()
    assert mine.expires_at == until
    client.post(address, {"seconds": ""})
    mine.refresh_from_db()
    assert mine.expires_at is None
    assert 'value="kept"' not in client.get(address).content.decode()


def test_terminals_are_shown_opened_and_ended(mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    assert "data-open-at-once" in shown(client, "detail", mine.pk)
    response = client.post(reverse("sandbox:open_terminal", args=[mine.pk]))
    row = SandboxExecution.objects.get(kind=ExecutionKind.TERMINAL)
    assert response.url.endswith(f"?t={row.pk}")
    assert f"/ws/sandboxes/{mine.pk}/terminals/{row.pk}/" in shown(client, "detail", mine.pk)
    response = client.post(reverse("sandbox:close_terminal", args=[mine.pk, row.pk]))
    assert response.url.endswith("?closed")
    page = client.get(response.url).content.decode()
    assert "/ws/sandboxes/" not in page
    assert "data-open-at-once" not in page, "what was closed must not open by itself again"


def test_a_terminal_that_cannot_be_opened_is_not_tried_for_ever(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    asks("services.open_terminal", Conflict("Not now."))
    response = client_of(alice).post(reverse("sandbox:open_terminal", args=[mine.pk]), follow=True)
    page = response.content.decode()
    assert "Not now." in page
    assert "data-open-at-once" not in page


def test_without_the_terminals_program_lines_are_sent(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.xterm.is_there", lambda: False)
    client = client_of(alice)
    page = shown(client, "detail", mine.pk)
    assert "xterm.js" not in page
    assert reverse("sandbox:open_lines", args=[mine.pk]) in page
    client.post(reverse("sandbox:open_lines", args=[mine.pk]))
    shell = SandboxExecution.objects.get()
    assert shell.stdin_open
    SandboxExecution.objects.update(status=ExecutionStatus.RUNNING)
    asked = asks("services.send_input")
    asks("services.wait_for")
    address = reverse("sandbox:execution_input", args=[mine.pk, shell.pk])
    assert address in shown(client, "detail", mine.pk)
    assert client.post(address, {"line": "cd /tmp", "lines": "1"}).url.endswith("?lines")
    assert asked.last == {"execution": shell, "by": alice, "data": b"cd /tmp\n", "eof": False}


def test_who_comes_to_a_paused_one_is_told_to_resume_it(mine: Sandbox, alice: Any, client_of: Any) -> None:
    Sandbox.objects.update(status=SandboxStatus.PAUSED)
    for tab in ("detail", "executions"):
        page = shown(client_of(alice), tab, mine.pk)
        assert "until you resume it" in page
        assert "Start it" not in page


# --- Executions ------------------------------------------------------------------------
def test_a_command_and_a_cell_are_run_from_one_form(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    asks("services.wait_for")
    client = client_of(alice)
    address = reverse("sandbox:executions", args=[mine.pk])
    response = client.post(
        address, {"kind": "command", "text": "echo hi\n", "stdin": "typed", "env": "A=1\nB=x=y"}
    )
    row = SandboxExecution.objects.get()
    assert response.url == reverse("sandbox:execution", args=[mine.pk, row.pk])
    assert (row.kind, row.command, row.stdin, row.user) == ("command", "echo hi\n", "typed", alice)
    assert row.environment == {"A": "1", "B": "x=y"}
    part = client.post(address, {"kind": "cell", "text": "x = 1", "session": "s"}, **HTMX).content.decode()
    cell = SandboxExecution.objects.get(kind="cell")
    assert (cell.command, cell.python_session) == ("x = 1", "s")
    assert f'data-events="/events/sandbox-executions/{cell.pk}/"' in part
    assert "<html" not in part


def test_python_is_offered_where_the_sandbox_has_it(mine: Sandbox, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    assert 'value="cell"' in shown(client, "executions", mine.pk)
    Sandbox.objects.update(config={"languages": ["shell", "python"]})
    assert 'value="cell"' in shown(client, "executions", mine.pk)
    Sandbox.objects.update(config={"languages": ["javascript", "shell"]})
    page = shown(client, "executions", mine.pk)
    assert 'value="cell"' not in page
    assert 'name="session"' not in page
    address = reverse("sandbox:executions", args=[mine.pk])
    assert client.post(address, {"kind": "cell", "text": "1"}).status_code == 400
    assert client.post(address, {"kind": "command", "text": "node -v"}).status_code == 302


def test_nothing_to_run_is_said(mine: Sandbox, alice: Any, client_of: Any) -> None:
    response = client_of(alice).post(
        reverse("sandbox:executions", args=[mine.pk]), {"kind": "command", "text": ""}
    )
    assert response.status_code == 400
    assert "Write what is to be run." in response.content.decode()


def test_output_is_text_whatever_a_program_writes(
    a_sandbox: Sandbox, an_execution: SandboxExecution, alice: Any, client_of: Any
) -> None:
    hostile = "\x1b]0;title\x07<script>alert(1)</script>\x1b[31mred\x1b[0m\r\nnext\x00"
    SandboxExecution.objects.update(stdout=hostile, stdout_bytes=len(hostile))
    page = shown(client_of(alice), "execution", a_sandbox.pk, an_execution.pk)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;red\nnext</pre>" in page
    assert "\x1b" not in page


def test_an_execution_says_how_it_ended_and_what_it_used(
    a_sandbox: Sandbox, an_execution: SandboxExecution, alice: Any, client_of: Any
) -> None:
    SandboxExecution.objects.update(
        cause="timeout",
        detail="/workspace/nope: No such file or directory",
        resource_usage={"cpu_seconds": 1.5, "wall_seconds": 75, "peak_memory": 20 * 1024**2},
    )
    page = shown(client_of(alice), "execution", a_sandbox.pk, an_execution.pk)
    for words in ("out of time", "1 min 15 s", "20\xa0MB", "There is no “/workspace/nope” in the sandbox."):
        assert words in page, words


def test_an_execution_of_another_sandbox_is_not_found(
    a_sandbox: Sandbox, an_execution: SandboxExecution, alice: Any, client_of: Any
) -> None:
    other = Sandbox.objects.create(user=alice, image_name="python", status=SandboxStatus.RUNNING)
    address = reverse("sandbox:execution", args=[other.pk, an_execution.pk])
    assert client_of(alice).get(address).status_code == 404


# --- Without Docker --------------------------------------------------------------------------
@pytest.mark.parametrize("hosts", ["none", "lost", "silent"])
def test_without_an_engine_each_page_says_what_is_missing_and_how_to_get_it(
    hosts: str, a_sandbox: Sandbox, alice: Any, client_of: Any
) -> None:
    if hosts == "lost":
        SandboxHost.objects.create(name="local", detail="no such file: docker.sock", last_seen=timezone.now())
    if hosts == "silent":
        SandboxHost.objects.create(name="local", status=HostStatus.ACTIVE, last_seen=None)
    client = client_of(alice)
    for name, *args in (("list",), ("new",), *((tab, a_sandbox.pk) for tab in TABS)):
        page = shown(client, name, *args)
        assert "apt-get install docker.io" in page, name
        assert ("no such file: docker.sock" in page) is (hosts == "lost"), name


def test_with_an_engine_nothing_is_missing(mine: Sandbox, alice: Any, client_of: Any) -> None:
    assert "docker.io" not in shown(client_of(alice), "detail", mine.pk)
