"""What a sandbox's container is to be made of, from its rows; and the rules of its network, resolved."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.spec import DISK, InstanceSpec
from ..models import Sandbox, SandboxInstance, SandboxTemplate
from ..policy.limits import NAMES, Limits
from ..policy.network import NetworkPolicy, read_network_policy, to_nft, usable_pins

LATEST = "latest"
KEPT_NAMES = 10_000
NAMES_CLOSED, NETWORK_SHUT = "names_closed", "network_shut"  # kinds of events
_resolved: dict[str, list[str]] = {}  # what names had when they were last looked up


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What `DockerHost.start` and `apply_network` want to know of a network."""

    nft_script: str | None
    rate: int | None
    hosts: dict[str, Sequence[str]]
    unsure: bool = False  # nobody could say what a name has, and it is not known from before
    shut: tuple[str, ...] = ()  # denied names of which that is so: nothing leaves while there are any

    @property
    def closed(self) -> list[str]:
        """Names that have no address which may be reached: their rules do nothing."""
        return sorted(host for host, addresses in self.hosts.items() if not addresses)

    @property
    def told(self) -> dict[str, list[str]]:
        """What whoever has this network is to be told: the kind of an event, and its names."""
        if self.shut:
            return {NETWORK_SHUT: list(self.shut)}
        return {NAMES_CLOSED: self.closed} if self.closed else {}


def image_reference(name: str, tag: str) -> str:
    """How an engine is told an image: a digest stands by itself, a name goes with its tag."""
    return name if "@" in name or name.startswith("sha256:") else f"{name}:{tag or LATEST}"


def limits_of(sandbox: Sandbox) -> Limits:
    """The limits of the row `sandbox_resource`; NULL there is the default, or no limit where that may be."""
    row, base = sandbox.resource, Limits()
    optional = {"network_limit", "timeout", "idle_timeout"}
    values = {name: getattr(row, name) for name in NAMES}
    return Limits(
        **{
            name: getattr(base, name) if value is None and name not in optional else value
            for name, value in values.items()
        }
    )


def spec_of(sandbox: Sandbox) -> InstanceSpec:
    """What the container of a sandbox is to be, as its rows say now."""
    security, config = sandbox.security, sandbox.config or {}
    return InstanceSpec(
        image=image_reference(str(sandbox.image_name), str(sandbox.image_tag)),
        limits=limits_of(sandbox),
        network_policy=security.network_policy or {},
        syscall_policy=security.syscall_policy or {},
        mount_policy=security.mount_policy or {},
        workspace=str(config.get("workspace") or DISK),
        runtime=str(config.get("runtime") or ""),
        published=tuple(
            sorted(
                (port.container_port, str(port.protocol)) for port in sandbox.ports.all() if port.published
            )
        ),
    )


def spec_of_template(
    template: SandboxTemplate,
    limits: Limits,
    security: Mapping[str, Any],
    workspace: str,
    *,
    published: Iterable[Any] = (),
) -> InstanceSpec:
    """What a container of a template is to be; with the template's own defaults, what the pool keeps warm.

    `published` are ports as services.ports has them; those reached by the proxy are none of the container's.
    """
    return InstanceSpec(
        image=image_reference(str(template.image_name), str(template.image_tag)),
        limits=limits,
        network_policy=security.get("network_policy") or {},
        syscall_policy=security.get("syscall_policy") or {},
        mount_policy=security.get("mount_policy") or {},
        workspace=workspace,
        runtime=str(security.get("runtime") or ""),
        published=tuple(
            sorted((port.container_port, str(port.protocol)) for port in published if port.published)
        ),
    )


def stored_spec(instance: SandboxInstance) -> InstanceSpec | None:
    """What the container of an instance is made of; None before it was made."""
    return InstanceSpec.from_json(instance.spec) if instance.spec and instance.container_id else None


def with_told(spec: InstanceSpec, rules: NetworkRules) -> dict[str, Any]:
    """A spec for a warm instance's row, with what whoever claims it is to be told of its network."""
    return spec.as_json() | rules.told


def told_of(instance: SandboxInstance) -> dict[str, list[str]]:
    """What whoever claims a warm instance is to be told of its network, as its rules are now."""
    said = instance.spec or {}
    return {kind: said[kind] for kind in (NAMES_CLOSED, NETWORK_SHUT) if kind in said}


def changes_live(before: InstanceSpec, after: InstanceSpec) -> bool:
    """Whether a running container can become the other by live limits and rules of a network it has.

    Whether it has a resolver is fixed when it is made: one whose internet is opened has to be made anew.
    """
    if before.profile == after.profile:
        return True
    was, will = (read_network_policy(spec.network_policy) for spec in (before, after))
    return (
        was.needs_network
        and will.needs_network
        and (was.open or not will.open)
        and replace(before, network_policy=after.network_policy).profile == after.profile
    )


def network_rules(spec: InstanceSpec) -> NetworkRules:
    """The rules as a script, with the addresses that host names have now; none without a policy.

    Published ports are a network too: nothing goes out by itself, but what comes and goes has its rate.
    """
    policy = read_network_policy(spec.network_policy)
    if not policy.needs_network:
        return NetworkRules(None, spec.limits.network_limit if spec.published else None, {})
    found = {host: resolve(host) for host in sorted(policy.hosts)}
    unsure = None in found.values()
    shut = tuple(sorted({rule.host for rule in policy.deny if rule.host and found[rule.host] is None}))
    if shut:  # what is denied is not known yet, and might be anywhere
        return NetworkRules(
            to_nft(NetworkPolicy()), spec.limits.network_limit, dict.fromkeys(found, ()), unsure, shut
        )
    pins = {host: usable_pins(policy, host, addresses or ()) for host, addresses in found.items()}
    return NetworkRules(to_nft(policy, pins=pins), spec.limits.network_limit, dict(pins), unsure)


def resolve(host: str) -> list[str] | None:
    """The addresses of a name, sorted; none when it has none, for then nothing is opened.

    While nobody can say, it has those it had last: trouble with names must not open what a policy denies.
    None where this process never heard of any.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return _resolved.get(host)
        found = []
    except OSError:
        found = []
    _resolved[host] = sorted({str(address[0]).partition("%")[0] for *_kind, address in found})
    while len(_resolved) > KEPT_NAMES:
        _resolved.pop(next(iter(_resolved)), None)
    return _resolved[host]
