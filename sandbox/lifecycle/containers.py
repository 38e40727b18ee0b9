"""The container under a sandbox: brought up, taken down, adjusted; each may be cut off and done again."""

import logging
from contextlib import suppress

from agi_site.lib.problems import Problem

from .. import gateway
from ..engine import DockerHost
from ..engine.spec import MEMORY, InstanceSpec
from ..models import InstanceStatus, Sandbox, SandboxInstance, SandboxPort
from . import ending, keeping, specs, trail
from .engines import engine_of
from .specs import NetworkRules
from .steps import reach

logger = logging.getLogger(__name__)

DETACH_SECONDS = 3.0


class Superseded(Exception):
    """Another verb took over (somebody deletes the sandbox): what is under way must come to nothing."""


def bring_up(sandbox: Sandbox, instance: SandboxInstance, *, verb: str, just_started: bool = False) -> None:
    """Let the container of a sandbox run as its rows say, from whatever there is of it; raises Superseded.

    A container that was made otherwise is made anew around the same disk. Rules stand and the runner answers
    before this returns; no command has run until then. `just_started`: by the caller itself, with its rules.
    """
    engine, wanted = engine_of(instance.host), specs.spec_of(sandbox)
    runs = instance.status == InstanceStatus.CLAIMED and adjust(engine, instance, wanted)
    if runs:
        Sandbox.objects.filter(pk=sandbox.pk, verb=verb).update(container_id=instance.container_id)
        reach(f"{verb}:adjusted")
    else:
        container_id = engine.create(instance.pk, wanted)
        reach(f"{verb}:created")
        _store(sandbox, instance, verb, container_id, wanted)
        reach(f"{verb}:stored")
    rules = specs.network_rules(wanted)
    if not (runs and just_started):
        # one that runs, too: whoever started it may have died before its network was looked at
        engine.start(instance.pk, nft_script=rules.nft_script, rate=rules.rate, hosts=rules.hosts)
        reach(f"{verb}:started")
    trail.note_names(sandbox, rules.told)
    check(sandbox, verb)
    boot = gateway.attach(instance.pk).get("boot")
    SandboxInstance.objects.filter(pk=instance.pk).update(boot_id=boot)
    reach(f"{verb}:attached")
    if wanted.workspace == MEMORY:
        keeping.restore(sandbox, instance)
        reach(f"{verb}:restored")
    if wanted.published:
        _store_published(engine, sandbox, instance)


def adjust(engine: DockerHost, instance: SandboxInstance, wanted: InstanceSpec) -> bool:
    """Give a running container new live limits; False when it does not run or is made otherwise.

    In that case a container made otherwise is removed, its disk kept.
    """
    found, made_of = engine.find(instance.pk), specs.stored_spec(instance)
    if found is None or made_of is None:
        return False
    if not specs.changes_live(made_of, wanted):
        engine.remove(instance.pk, keep_disk=True)
        reach("adjust:removed")
        return False
    if found.state == "paused":
        engine.unpause(instance.pk)
    elif found.state != "running":
        # its limits may be older than the rows'; a container that is only stopped is cheap to make anew
        if made_of.live != wanted.live:
            engine.remove(instance.pk, keep_disk=True)
            reach("adjust:removed")
        return False
    if (made_of.live, made_of.profile) != (wanted.live, wanted.profile):
        apply_live(engine, instance, wanted)
    return True


def apply_live(engine: DockerHost, instance: SandboxInstance, wanted: InstanceSpec) -> NetworkRules:
    """Change what can be changed in a running container: limits, and the rules and rate of its network.

    Returns the rules it has now.
    """
    engine.update_limits(instance.pk, wanted.limits)
    reach("live:limits")
    rules = specs.network_rules(wanted)
    if rules.nft_script is not None or wanted.published:
        engine.apply_network(instance.pk, rules.nft_script, rules.rate, hosts=rules.hosts)
    reach("live:network")
    instance.spec, instance.profile = wanted.as_json(), wanted.profile
    SandboxInstance.objects.filter(pk=instance.pk).update(spec=instance.spec, profile=wanted.profile)
    return rules


def take_down(sandbox: Sandbox, instance: SandboxInstance, *, verb: str) -> None:
    """Stop the container; its workspace outlives that, one in memory by being saved first."""
    engine = engine_of(instance.host)
    found = engine.find(instance.pk)
    if found is not None and found.state in {"running", "paused"}:
        made_of = specs.stored_spec(instance)
        if made_of is not None and made_of.workspace == MEMORY:
            if found.state == "paused":
                engine.unpause(instance.pk)
            keeping.save(sandbox, instance)
            reach(f"{verb}:saved")
        leave(instance)
        engine.stop(instance.pk)
    ending.close_published(sandbox)
    reach(f"{verb}:stopped")


def leave(instance: SandboxInstance) -> None:
    """Let the agent leave a container that ends; one that does not answer sees its stream end instead."""
    with suppress(Problem):
        gateway.detach(instance.pk, timeout=DETACH_SECONDS)


def check(sandbox: Sandbox, verb: str) -> None:
    """Raise Superseded unless the verb is still the one under way."""
    if not Sandbox.objects.filter(pk=sandbox.pk, verb=verb).exists():
        raise Superseded


def _store(
    sandbox: Sandbox, instance: SandboxInstance, verb: str, container_id: str, spec: InstanceSpec
) -> None:
    instance.container_id, instance.spec = container_id, spec.as_json()
    ours = SandboxInstance.objects.filter(pk=instance.pk, status=InstanceStatus.CLAIMED).update(
        container_id=container_id, spec=instance.spec, profile=spec.profile
    )
    still = Sandbox.objects.filter(pk=sandbox.pk, verb=verb).update(container_id=container_id)
    if not (ours and still):
        raise Superseded


def _store_published(engine: DockerHost, sandbox: Sandbox, instance: SandboxInstance) -> None:
    for (port, protocol), host_port in engine.published_ports(instance.pk).items():
        SandboxPort.objects.filter(
            sandbox=sandbox, container_port=port, protocol=protocol, published=True
        ).update(host_port=host_port)
