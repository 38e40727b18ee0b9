"""What a sandbox's network is as its rows change: rates, resolvers, names, ports; on an engine of notes."""

import socket

import pytest

from sandbox import services, words
from sandbox.lifecycle import names, pool, reconcile, specs
from sandbox.models import SandboxEvent, SandboxInstance, SandboxPort
from sandbox.policy.network import NetworkPolicy, to_nft

pytestmark = pytest.mark.django_db

NETWORK = ("names_closed", "network_shut", "network_opened")


def test_a_published_port_has_the_rate_of_the_network_from_the_start_and_when_it_changes(
    alice, filled, recipe, run_tasks, fresh, paper
):
    sandbox = services.create_sandbox(
        owner=alice,
        template=recipe,
        limits={"network_limit": 2**20},
        ports=[{"container_port": 8000, "published": True}],
    )
    run_tasks()
    container = paper.containers[fresh(sandbox).instance.pk]
    assert (container["nft"], container["rate"]) == (None, 2**20)
    services.change_limits(sandbox=fresh(sandbox), by=alice, limits={"network_limit": 2**18})
    run_tasks()
    assert (container["nft"], container["rate"]) == (None, 2**18)


@pytest.mark.parametrize("ending", ["stopped", "died"])
def test_a_published_port_is_not_told_when_it_leads_nowhere(
    alice, host, filled, recipe, run_tasks, fresh, paper, ending
):
    sandbox = services.create_sandbox(
        owner=alice, template=recipe, ports=[{"container_port": 8000, "published": True}]
    )
    run_tasks()
    told = SandboxPort.objects.filter(sandbox=sandbox).values_list("host_port", flat=True)
    assert list(told.all()) == [40_000]
    if ending == "stopped":
        services.do_verb(sandbox=fresh(sandbox), verb="stop", by=alice)
    else:
        paper.die(fresh(sandbox).instance.pk)
        reconcile.reconcile(host)
    run_tasks()
    assert list(told.all()) == [0]
    services.do_verb(sandbox=fresh(sandbox), verb="start", by=alice)
    run_tasks()
    assert list(told.all()) == [40_000]


def test_rules_change_live_but_the_first_network_all_of_the_internet_and_none_take_a_restart(
    alice, mine, run_tasks, fresh, paper
):
    def stops(policy):
        paper.calls.clear()
        services.change_policy(sandbox=fresh(mine), by=alice, security={"network_policy": policy})
        run_tasks()
        return "stop" in {call for call, key in paper.calls if key == mine.instance.pk}

    some = {"default": "deny", "allow": [{"ip": "93.184.216.34", "port": 443}]}
    assert stops(some)
    assert stops({"default": "allow"})
    assert not stops(some)
    assert not stops(some | {"deny": [{"cidr": "93.184.216.0/30"}]})
    assert stops({})


def test_what_a_name_had_stays_pinned_while_nobody_can_say(monkeypatch):
    def answers(given):
        def getaddrinfo(*_args, **_options):
            if isinstance(given, int):
                raise socket.gaierror(given, "no")
            return [(0, 0, 0, "", (address, 0)) for address in given]

        monkeypatch.setattr(specs.socket, "getaddrinfo", getaddrinfo)
        return specs.resolve("pinned.example")

    assert answers(socket.EAI_AGAIN) is None
    assert answers(["93.184.216.34"]) == ["93.184.216.34"]
    assert answers(socket.EAI_AGAIN) == ["93.184.216.34"]
    assert answers(socket.EAI_NONAME) == []
    assert answers(socket.EAI_AGAIN) == []


def test_names_that_lead_nowhere_are_told_live_and_at_each_start(alice, mine, run_tasks, fresh, monkeypatch):
    found = {"public.example": ["93.184.216.34"], "inside.example": ["10.0.0.5"]}
    monkeypatch.setattr(specs, "resolve", lambda host: found.get(host, []))

    def told(*names):
        SandboxEvent.objects.all().delete()
        policy = {"allow": [{"host": name} for name in names]}
        services.change_policy(sandbox=fresh(mine), by=alice, security={"network_policy": policy})
        run_tasks()
        return [row.data["hosts"] for row in SandboxEvent.objects.filter(sandbox=mine, kind="names_closed")]

    assert told("public.example") == []
    assert told("public.example", "inside.example", "gone.example") == [["gone.example", "inside.example"]]
    SandboxEvent.objects.all().delete()
    services.do_verb(sandbox=fresh(mine), verb="restart", by=alice)
    run_tasks()
    event = SandboxEvent.objects.get(sandbox=mine, kind="names_closed")
    assert words.event_of(event)["facts"] == [("names", "gone.example, inside.example")]


@pytest.fixture
def found(monkeypatch):
    """What names have; those that are not there have nothing."""
    known = {"public.example": ["93.184.216.34"]}
    monkeypatch.setattr(specs, "resolve", lambda host: known.get(host, []))
    return known


@pytest.fixture
def named_pool(host, recipe, found):
    """A warm instance whose template allows two names, one of which leads nowhere."""
    rules = [{"host": "public.example"}, {"host": "gone.example"}]
    recipe.security_config = {"network_policy": {"allow": rules}}
    recipe.save()
    pool.refill(host)
    return host


def told_of(sandbox):
    return [row.data["hosts"] for row in SandboxEvent.objects.filter(sandbox=sandbox, kind="names_closed")]


def test_who_claims_a_warm_one_is_told_of_its_names_at_once(alice, named_pool, recipe, run_tasks):
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert sandbox.status == "running"
    assert told_of(sandbox) == [["gone.example"]]
    run_tasks()
    assert told_of(sandbox) == [["gone.example"]]


def test_who_claims_one_that_is_being_made_is_told_of_its_names(alice, named_pool, recipe):
    row = SandboxInstance.objects.order_by("pk")[0]
    SandboxInstance.objects.exclude(pk=row.pk).delete()
    SandboxInstance.objects.filter(pk=row.pk).update(status="warming", container_id=None)
    row.refresh_from_db()
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert sandbox.status == "creating"
    pool.make_warm(row)
    assert told_of(sandbox) == [["gone.example"]]


def test_names_that_cease_to_lead_somewhere_are_told_once(alice, named_pool, recipe, found):
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    known = names.renew(named_pool, {})
    assert told_of(sandbox) == [["gone.example"]]
    found.clear()
    known = names.renew(named_pool, known)
    names.renew(named_pool, known)
    names.renew(named_pool, {})  # another worker
    assert told_of(sandbox) == [["gone.example"], ["gone.example", "public.example"]]
    again = services.create_sandbox(owner=alice, template=recipe)
    assert told_of(again) == [["gone.example", "public.example"]]


def test_a_worker_that_starts_while_nobody_can_say_leaves_the_rules_of_what_runs(
    alice, named_pool, recipe, found, paper, monkeypatch
):
    services.create_sandbox(owner=alice, template=recipe)
    monkeypatch.setattr(specs, "resolve", lambda _host: None)
    paper.calls.clear()
    assert names.renew(named_pool, {}) == {}
    assert "apply_network" not in dict(paper.calls)
    monkeypatch.setattr(specs, "resolve", lambda host: found.get(host, []))
    assert names.renew(named_pool, {})
    assert "apply_network" in dict(paper.calls)


def test_nothing_leaves_while_nobody_can_say_what_a_denied_name_has(
    alice, host, mine, run_tasks, fresh, paper, found, monkeypatch
):
    policy = {"default": "allow", "deny": [{"host": "public.example"}]}
    monkeypatch.setattr(specs, "resolve", lambda _host: None)
    services.change_policy(sandbox=fresh(mine), by=alice, security={"network_policy": policy})
    run_tasks()
    container = paper.containers[mine.instance.pk]
    assert container["nft"] == to_nft(NetworkPolicy())
    assert of_the_network(mine) == [("network_shut", "public.example")]

    monkeypatch.setattr(specs, "resolve", lambda name: found.get(name, []))
    for known in ({}, {}):  # as two workers do it
        names.renew(host, known)
    assert "ip daddr 93.184.216.34/32 reject" in container["nft"]
    assert "meta l4proto { tcp, udp } accept" in container["nft"]
    assert of_the_network(mine) == [("network_shut", "public.example"), ("network_opened", "public.example")]


def test_who_claims_a_warm_one_whose_network_is_shut_is_told_so(alice, host, recipe, run_tasks, monkeypatch):
    denied = {"default": "allow", "deny": [{"host": "public.example"}]}
    recipe.security_config = {"network_policy": denied}
    recipe.save()
    monkeypatch.setattr(specs, "resolve", lambda _host: None)
    pool.refill(host)
    sandbox = services.create_sandbox(owner=alice, template=recipe)
    assert sandbox.status == "running"
    assert of_the_network(sandbox) == [("network_shut", "public.example")]


def of_the_network(sandbox):
    rows = SandboxEvent.objects.filter(sandbox=sandbox, kind__in=NETWORK).order_by("pk")
    return [(row.kind, words.event_of(row)["facts"][0][1]) for row in rows]
