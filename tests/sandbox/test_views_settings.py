"""The pages of ports, security and snapshots, and the lines people write on them."""

import re
from typing import Any

import pytest
from django.urls import reverse

from agi_site.lib.problems import Conflict
from sandbox.models import Sandbox, SandboxPort, SandboxResource, SandboxSnapshot, SandboxTemplate
from sandbox.policy.network import read_network_policy
from sandbox.word_lines import read_rules, read_variables, write_rules


# --- Ports ----------------------------------------------------------------------
def test_a_port_is_added_shown_and_removed(mine: Sandbox, alice: Any, client_of: Any, settings: Any) -> None:
    settings.SANDBOX_DOMAIN = "boxes.test"
    client, address = client_of(alice), reverse("sandbox:ports", args=[mine.pk])
    assert client.post(address, {"container_port": "8000", "description": "the page"}).status_code == 302
    page = client.get(address).content.decode()
    assert f"http://8000-{mine.pk}.boxes.test" in page
    assert 'rel="noopener"' in page
    port = SandboxPort.objects.get()
    client.post(reverse("sandbox:port_remove", args=[mine.pk, port.pk]))
    assert not SandboxPort.objects.exists()


@pytest.mark.parametrize("port", ["0", "65536", "x", ""])
def test_a_port_that_is_none_is_said(port: str, mine: Sandbox, alice: Any, client_of: Any) -> None:
    response = client_of(alice).post(reverse("sandbox:ports", args=[mine.pk]), {"container_port": port})
    assert response.status_code == 400
    assert not SandboxPort.objects.exists()


def test_without_a_domain_ports_say_what_an_operator_has_to_do(
    mine: Sandbox, alice: Any, client_of: Any, settings: Any
) -> None:
    settings.SANDBOX_DOMAIN = ""
    SandboxPort.objects.create(sandbox=mine, container_port=8000, host_port=0)
    page = client_of(alice).get(reverse("sandbox:ports", args=[mine.pk])).content.decode()
    assert "SANDBOX_DOMAIN" in page
    assert "/open/" not in page


# --- Security ---------------------------------------------------------------------
def test_security_is_told_in_plain_words(mine: Sandbox, alice: Any, client_of: Any) -> None:
    page = client_of(alice).get(reverse("sandbox:security", args=[mine.pk])).content.decode()
    for words in (
        "No network at all.",
        "without capabilities",
        "Shares the host",
        "system calls are let through",
    ):
        assert words in page, words


def test_the_network_is_changed_by_lines(mine: Sandbox, alice: Any, client_of: Any, asks: Any) -> None:
    asked = asks("services.change_policy")
    address = reverse("sandbox:security", args=[mine.pk])
    lines = "api.example.org:443\n# a note\n10.1.0.0/16 8000-8100 tcp\n"
    given = {"form": "network", "mode": "some", "allow": lines, "deny": ""}
    assert client_of(alice).post(address, given).status_code == 302
    assert asked.last["security"]["network_policy"] == {
        "default": "deny",
        "allow": [
            {"host": "api.example.org", "port": "443"},
            {"cidr": "10.1.0.0/16", "port": "8000-8100", "protocol": "tcp"},
        ],
        "deny": [],
    }


def test_an_impossible_rule_is_said_at_the_form(mine: Sandbox, alice: Any, client_of: Any) -> None:
    address = reverse("sandbox:security", args=[mine.pk])
    for allow in ("*.example.org", "one two three four", ""):
        given = {"form": "network", "mode": "some", "allow": allow}
        response = client_of(alice).post(address, given)
        assert response.status_code == 400, allow
        assert response.context["forms"]["network"].errors, allow


def test_only_limits_that_changed_are_asked_for(mine: Sandbox, alice: Any, client_of: Any, asks: Any) -> None:
    asked = asks("services.change_limits")
    client, address = client_of(alice), reverse("sandbox:security", args=[mine.pk])
    form = client.get(address).context["forms"]["limits"]
    given = {name: "" if form[name].initial is None else form[name].initial for name in form.fields}
    client.post(address, given | {"form": "limits"})
    assert asked.calls == []
    client.post(address, given | {"form": "limits", "memory_limit": "1024", "idle_timeout": "60"})
    assert asked.last["limits"] == {"memory_limit": 1024**3, "idle_timeout": 3600}


def test_the_form_promises_no_end_that_the_service_refuses(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    asked = asks("services.change_limits")
    client, address = client_of(alice), reverse("sandbox:security", args=[mine.pk])
    page = client.get(address)
    assert "no limit" not in page.content.decode()
    form = page.context["forms"]["limits"]
    given = {name: form[name].initial for name in form.fields} | {"form": "limits", "timeout": ""}
    assert client.post(address, given).status_code == 400
    assert asked.calls == []


def test_a_limit_finer_than_its_unit_does_not_stand_in_the_way_of_others(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    SandboxResource.objects.filter(sandbox=mine).update(timeout=30)
    asked = asks("services.change_limits")
    client, address = client_of(alice), reverse("sandbox:security", args=[mine.pk])
    form = client.get(address).context["forms"]["limits"]
    given = {name: form[name].initial for name in form.fields}
    client.post(address, given | {"form": "limits", "pids_limit": "99"})
    assert asked.last["limits"] == {"pids_limit": 99}


def test_variables_keep_their_values_by_name_and_never_come_back(
    mine: Sandbox, alice: Any, client_of: Any, fresh: Any
) -> None:
    client, address = client_of(alice), reverse("sandbox:security", args=[mine.pk])
    client.post(address, {"form": "environment", "variables": "TOKEN=top secret\nOTHER=1"})
    page = client.get(address).content.decode()
    assert "TOKEN" in page
    assert "top secret" not in page
    client.post(address, {"form": "environment", "variables": "TOKEN\nNEW=2"})
    assert fresh(mine).security.env_variables == {"TOKEN": "top secret", "NEW": "2"}


def test_a_strict_list_of_calls_is_chosen(mine: Sandbox, alice: Any, client_of: Any, asks: Any) -> None:
    asked = asks("services.change_policy")
    given = {"form": "syscalls", "profile": "strict"}
    client_of(alice).post(reverse("sandbox:security", args=[mine.pk]), given)
    assert asked.last["security"] == {"syscall_policy": {"profile": "strict"}}


def test_an_unknown_form_changes_nothing(mine: Sandbox, alice: Any, client_of: Any) -> None:
    response = client_of(alice).post(reverse("sandbox:security", args=[mine.pk]), {"form": "rights"})
    assert response.status_code == 400


# --- Lines -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("example.org", {"host": "example.org"}),
        ("example.org:80-90 UDP", {"host": "example.org", "port": "80-90", "protocol": "udp"}),
        ("192.0.2.7", {"ip": "192.0.2.7"}),
        ("192.0.2.7:53 udp", {"ip": "192.0.2.7", "port": "53", "protocol": "udp"}),
        ("2001:db8::1", {"ip": "2001:db8::1"}),
        ("[2001:db8::1]:443", {"ip": "2001:db8::1", "port": "443"}),
        ("2001:db8::/32 443", {"cidr": "2001:db8::/32", "port": "443"}),
        ("0.0.0.0/0", {"cidr": "0.0.0.0/0"}),
    ],
)
def test_a_line_is_a_rule_and_a_rule_is_a_line(line: str, rule: dict[str, str]) -> None:
    assert read_rules(line) == [rule]
    assert read_rules(write_rules([rule])) == [rule]
    read_network_policy({"allow": [rule]})


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("https://docs.example.org/a/b", "docs.example.org:443"),
        ("http://me:secret@example.org?x#y", "example.org:80"),
        ("HTTPS://[2001:db8::1]:8443/a", "[2001:db8::1]:8443"),
    ],
)
def test_the_address_of_a_page_is_answered_with_the_rule_of_its_host(line: str, instead: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"Line 2: a rule is about a whole host. Write {instead} ")
    ):
        read_rules(f"example.org\n{line}")
    assert read_rules(instead)


def test_a_mistyped_address_is_no_name_of_a_host() -> None:
    assert read_rules("300.1.1.1") == [{"ip": "300.1.1.1"}]


@pytest.mark.parametrize("text", ["1A=x", "A B=x", "NAME", "=x"])
def test_what_is_no_variable_is_said_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match="Line 2"):
        read_variables(f"GOOD=1\n{text}", {})


# --- Snapshots ---------------------------------------------------------------------------
def test_snapshots_are_made_restored_and_deleted(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    client, address = client_of(alice), reverse("sandbox:snapshots", args=[mine.pk])
    made = asks("snapshots.create_snapshot")
    client.post(address, {"name": "before"})
    assert made.last == {"sandbox": mine, "by": alice, "name": "before"}
    row = SandboxSnapshot.objects.create(user=alice, sandbox=mine, name="before", status="ready")
    restore = reverse("sandbox:snapshot_restore", args=[mine.pk, row.pk])
    assert restore in client.get(address).content.decode()
    restored = asks("snapshots.restore_snapshot")
    assert "verified first" in client.get(restore).content.decode()
    assert restored.calls == []
    client.post(restore, {"end_executions": "on"})
    assert restored.last == {"snapshot": row, "sandbox": mine, "by": alice, "end_executions": True}
    deleted = asks("snapshots.delete_snapshot")
    client.post(reverse("sandbox:snapshot_delete", args=[mine.pk, row.pk]))
    assert deleted.last == {"snapshot": row, "by": alice}


def test_why_a_restore_is_refused_is_said_where_it_was_asked_for(
    mine: Sandbox, alice: Any, client_of: Any, asks: Any
) -> None:
    row = SandboxSnapshot.objects.create(user=alice, sandbox=mine, status="ready")
    asks("snapshots.restore_snapshot", Conflict("Something runs."))
    address = reverse("sandbox:snapshot_restore", args=[mine.pk, row.pk])
    answer = client_of(alice).post(address)
    assert answer.status_code == 409
    assert "Something runs." in answer.content.decode()
    assert 'name="end_executions"' in answer.content.decode()


def test_what_is_kept_of_a_deleted_sandbox_becomes_a_new_one(
    mine: Sandbox, alice: Any, bob: Any, recipe: SandboxTemplate, client_of: Any, asks: Any
) -> None:
    client, address = client_of(alice), reverse("sandbox:outlived")
    row = SandboxSnapshot.objects.create(user=alice, sandbox=mine, name="the last", status="ready")
    assert address not in client.get(reverse("sandbox:list")).content.decode()
    assert "the last" not in client.get(address).content.decode()
    Sandbox.objects.update(status="deleted")
    assert address in client.get(reverse("sandbox:list")).content.decode()
    assert "the last" in client.get(address).content.decode()
    assert "the last" not in client_of(bob).get(address).content.decode()
    new = reverse("sandbox:outlived_new", args=[row.pk])
    assert client_of(bob).get(new).status_code == 404
    assert 'value="the last"' in client.get(new).content.decode()
    filled = asks("snapshots.fill_sandbox")
    response = client.post(new, {"template": recipe.pk, "name": "again"})
    made = Sandbox.objects.get(name="again")
    assert response.url == reverse("sandbox:detail", args=[made.pk])
    assert filled.last == {"sandbox": made, "snapshot": row, "by": alice}
    SandboxSnapshot.objects.update(sandbox=None)
    deleted = asks("snapshots.delete_snapshot")
    assert client.post(reverse("sandbox:outlived_delete", args=[row.pk])).url == address
    assert deleted.last == {"snapshot": row, "by": alice}


def test_the_list_looks_again_while_a_snapshot_is_made(mine: Sandbox, alice: Any, client_of: Any) -> None:
    SandboxSnapshot.objects.create(user=alice, sandbox=mine, name="now")
    client, address = client_of(alice), reverse("sandbox:snapshots", args=[mine.pk])
    assert "every 2s" in client.get(address).content.decode()
    SandboxSnapshot.objects.update(status="failed", detail="The disk was full.")
    page = client.get(address).content.decode()
    assert "every 2s" not in page
    assert "The disk was full." in page
