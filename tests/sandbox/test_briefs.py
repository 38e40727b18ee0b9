"""What a poke brings along: the row as the agent would have read it, or nothing."""

import pytest

from agi_site.lib.crypto import decrypt
from sandbox import briefs, gateway, pokes, services
from sandbox.agent.starting import opening, secrets
from sandbox.models import SandboxExecution

from .fixtures_agent import wait_until


def at_hand(sandbox):
    return services.sandbox_to_run(user=sandbox.user, pk=sandbox.pk)


@pytest.fixture
def brief(alice, mine, paper, django_capture_on_commit_callbacks):
    """The brief of a command, as the agent was poked with it."""

    def run(sandbox, **given):
        with django_capture_on_commit_callbacks(execute=True):
            services.run_command(sandbox=sandbox, by=alice, **given)
        return paper.gateway.pokes[-1]["brief"]

    return run


def test_a_brief_is_the_row_as_the_agent_would_have_read_it(mine, brief, django_assert_num_queries):
    given = {
        "command": "cat",
        "stdin": "typed",
        "env": {"TOKEN": "secret value"},
        "working_dir": "a",
        "timeout": 7,
    }
    text = brief(at_hand(mine), **given)
    read = briefs.rows().get()
    with django_assert_num_queries(0):
        told = briefs.row_of(text)
        assert (told.pk, told.status, told.sandbox.instance.host_id) == (
            read.pk,
            read.status,
            read.sandbox.instance.host_id,
        )
        assert opening(told) == opening(read)
        assert secrets(told) == secrets(read) != []


def test_a_brief_costs_no_query(alice, mine, paper, django_assert_num_queries):
    sandbox = at_hand(mine)
    with django_assert_num_queries(1):
        services.run_command(sandbox=sandbox, by=alice, command="true")


def test_a_brief_does_not_show_what_it_holds(mine, brief):
    text = brief(at_hand(mine), command="true", env={"TOKEN": "secret value"})
    assert "secret value" not in text
    assert "secret value" in decrypt(text)


def test_a_sandbox_whose_template_is_gone_has_briefs(mine, brief):
    mine.template.delete()
    told = briefs.row_of(brief(at_hand(mine), command="true"))
    assert told.sandbox.template is None


def test_there_is_no_brief_of_long_commands(mine, brief):
    assert brief(at_hand(mine), command="true " * briefs.LONGEST) == ""


def test_there_is_no_brief_while_a_verb_is_under_way(alice, mine, brief):
    services.do_verb(sandbox=mine, verb="restart", by=alice)
    assert brief(at_hand(mine), command="true") == ""


def test_the_number_of_live_executions_counts_once(alice, mine, paper, monkeypatch):
    monkeypatch.setattr("sandbox.services.executions.MOST_LIVE", 2)
    sandbox = at_hand(mine)
    services.run_command(sandbox=sandbox, by=alice, command="true")
    services.run_command(sandbox=sandbox, by=alice, command="true")
    with pytest.raises(services.executions.TooMany):
        services.run_command(sandbox=sandbox, by=alice, command="true")


@pytest.fixture
def opened(monkeypatch):
    """The targets to which a connection was opened."""
    targets, connect = [], gateway._connect

    def connected(target, seconds):
        targets.append(target)
        return connect(target, seconds)

    monkeypatch.setattr(gateway, "_connect", connected)
    return targets


# --- With a real agent ------------------------------------------------------------------------------------
@pytest.mark.docker_engine
def test_an_agent_starts_what_a_brief_says_and_does_not_read_it(agent_world, monkeypatch):
    sandbox = agent_world.sandbox(env={"WHO": "brief"})
    agent_world.leading()
    agent_world.ended(agent_world.run(sandbox, "true"))  # now it is attached
    row = SandboxExecution.objects.create(
        sandbox=at_hand(sandbox), user=agent_world.owner, command="echo $WHO", started_at=None
    )
    monkeypatch.setattr(briefs, "rows", lambda: pytest.fail("it was read"))
    gateway.poke(agent_world.host, execution=str(row.pk), brief=briefs.brief_of(row))
    assert agent_world.ended(row).stdout == "brief\n"


@pytest.mark.docker_engine
def test_pokes_follow_each_other_on_one_connection(agent_world, opened):
    sandbox = agent_world.sandbox()
    agent_world.leading()
    for number in range(5):
        assert agent_world.ended(agent_world.run(sandbox, f"echo {number}")).stdout == f"{number}\n"
    assert len(opened) == 1


@pytest.mark.docker_engine
def test_a_poke_after_its_agent_has_gone_reaches_the_next_one(agent_world, opened):
    sandbox = agent_world.sandbox()
    first = agent_world.leading()
    agent_world.ended(agent_world.run(sandbox, "true"))
    first.stop()
    second = agent_world.leading()
    wait_until(lambda: agent_world.leads() and agent_world.host.gateway == second.gateway.address)
    assert gateway.poke(agent_world.host)
    assert [target.address(fresh=False) for target in opened][1:] == [second.gateway.address]


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch):
    import socket

    ours, theirs = socket.socketpair()
    pokes._idle[pokes._place("x")].append((0.0, ours))
    other, _their_other = socket.socketpair()
    pokes.send("x", b"line\n", lambda: other)
    assert ours.fileno() == -1, "it is closed"
    assert pokes._take("x") is other
    for end in (theirs, other, _their_other):
        end.close()
