"""Whom a sandbox may talk to: `network_policy`, read into rules, and the rules as text for nftables.

    {"default": "deny" | "allow",
     "allow": [{"host" | "ip" | "cidr": "…", "port": 443 | "8000-8100" | null,
                "protocol": "tcp" | "udp" | null}],
     "deny": [the same]}

Nothing given is no network at all. Deny beats allow. "allow" as the default means the public internet.
Private, link-local and multicast addresses, the host and other sandboxes stay out of reach unless a rule
names an address or a range among them: `0.0.0.0/0` does not. A metadata service, and an address of the host
that is a public one, open to a rule of their very address only. Host names are resolved by the worker, and
pinned: their addresses come from outside, so a name opens public addresses alone.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib.problems import Invalid

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network
type Pins = Mapping[str, Sequence[str]]

MAX_RULES = 200
_FAULT_OF_RULE = {
    "allow": gettext_lazy("What is allowed, rule %(number)d: %(fault)s"),
    "deny": gettext_lazy("What is denied, rule %(number)d: %(fault)s"),
}
PROTOCOLS = ("tcp", "udp")
# The host's kernel has one table of connections (nf_conntrack) for all sandboxes: none may fill it.
# Those that are over stay there for two minutes, so that both numbers count.
CONNECTIONS, PER_SECOND, BURST = 1024, 50, 200
REFUSED = "reject with icmpx admin-prohibited"
# Docker's resolver is a way out: one on the machine's loopback it asks from outside of these rules.
RESOLVER = "127.0.0.11"
# All others it asks from within: where all is open it may, and the helper knows which they are.
RESOLVERS = "# the machine's resolvers"
# Here the helper closes the host's own addresses, whichever they are.
HOST = "# this machine"
# Connections within the sandbox need no place in a table; only Docker's resolver has its address changed.
UNTRACKED = (
    f'oifname "lo" ip daddr != {RESOLVER} ip saddr != {RESOLVER} notrack',
    'oifname "lo" meta nfproto ipv6 notrack',
)
BEGINS = "ct state new ct status & confirmed == 0"  # the first packet of a connection
COUNTED = f"{BEGINS} ct count over {CONNECTIONS} {REFUSED}"  # hosts without the module go without
BOUNDED = (
    f"{BEGINS} limit rate over {PER_SECOND}/second burst {BURST} packets drop",
    COUNTED,
)
HOST_NAME = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# The cloud's metadata services: dropped in silence, so that nothing learns whether one is there.
METADATA = tuple(map(ipaddress.ip_network, ("169.254.169.254/32", "169.254.170.2/32", "fd00:ec2::254/128")))
# What is not the public internet (IANA's special-purpose registries).
SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/127",
            "::ffff:0:0/96",
            "64:ff9b::/96",
            "100::/64",
            "2001:db8::/32",
            "2002::/16",
            "fc00::/7",
            "fe80::/10",
            "ff00::/8",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy: a network or a host's name, ports from `first` to `last` or all, a protocol."""

    network: Network | None = None
    host: str = ""
    first: int | None = None
    last: int | None = None
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A policy that was read; without any allowance there is no network."""

    open: bool = False
    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()

    @property
    def needs_network(self) -> bool:
        """Whether the container needs a network at all."""
        return self.open or bool(self.allow)

    @property
    def hosts(self) -> frozenset[str]:
        """The names to be resolved."""
        return frozenset(rule.host for rule in (*self.allow, *self.deny) if rule.host)


def read_network_policy(given: Mapping[str, Any] | None) -> NetworkPolicy:
    """The policy as rules; raises Invalid that says which rule is wrong."""
    given = dict(given or {})
    faults = [
        _("There is no field “%(name)s” here.") % {"name": name}
        for name in sorted(set(given) - {"default", "allow", "deny"})
    ]
    default = given.get("default") or "deny"
    if default not in ("allow", "deny"):
        faults.append(_("The default is “allow” or “deny”."))
    lists = {side: _rules(given.get(side), side, faults) for side in ("allow", "deny")}
    if faults:
        raise Invalid(
            _("This network policy is not possible."),
            code="bad_network_policy",
            errors={"network_policy": faults},
        )
    return NetworkPolicy(default == "allow", lists["allow"], lists["deny"])


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet."""
    found = ipaddress.ip_address(address)
    return not any(found in network for network in SPECIAL if network.version == found.version)


def usable_pins(policy: NetworkPolicy, host: str, addresses: Iterable[str]) -> list[str]:
    """Which of a host's addresses may be pinned: a name must not lead to where no rule may go by itself.

    So a name whose owner points it at a private address (DNS rebinding) opens nothing. An address that a rule
    of its own allows may be called by that name too, and opens as far as that rule says.
    """
    named = [rule.network for rule in policy.allow if rule.network is not None]
    found = []
    for address in addresses:
        single = ipaddress.ip_network(address)
        if single in METADATA:
            is_named = single in named
        else:
            is_named = any(
                single.version == network.version and single.subnet_of(network)  # type: ignore[arg-type]
                for network in named
            )
        if is_public(address) or is_named:
            found.append(address)
    return found


def to_nft(policy: NetworkPolicy, *, pins: Pins | None = None) -> str:
    """The rules as one script for `nft -f`, applied as a whole or not at all, in the container's own netns.

    What leaves is looked at packet by packet, so under a stricter policy open connections can send no more.
    Nothing comes in but answers. `pins` gives the addresses of each host name (`usable_pins`).
    So many connections may begin in a second, and stand: the rest of what a sandbox sends has no bound here.
    """
    pins = pins or {}
    named = [rule for rule in policy.allow if rule.network is not None]
    allowed = _statements(named, {}, "accept")
    by_name = [rule for rule in policy.allow if rule.host]
    public = [
        *((network, line) for network, line in allowed if network.num_addresses > 1),
        *(
            (network, line)
            for network, line in _statements(by_name, pins, "accept")
            if not _is_special(network)
        ),
    ]
    lines = [
        *([] if policy.open else [f"ip daddr {RESOLVER} {REFUSED}"]),
        'oifname "lo" accept',
        *(line for _network, line in _statements(policy.deny, pins, REFUSED)),
        *([RESOLVERS] if policy.open else []),
        *(line for network, line in allowed if network in METADATA),
        *(f"{_family(network)} daddr {network} drop" for network in METADATA),
        *(line for network, line in allowed if _is_special(network)),
        *(f"{_family(network)} daddr {network} {REFUSED}" for network in SPECIAL),
        *(line for network, line in allowed if network.num_addresses == 1 and not _is_special(network)),
        *([HOST] if public or policy.open else []),
        *(line for network, line in public if not _is_special(network)),
        *(["meta l4proto { tcp, udp } accept"] if policy.open else []),
        REFUSED,
    ]
    output = "\n".join(f"    {line}" for line in (*BOUNDED, *lines))
    return (
        "table inet agi\ndelete table inet agi\ntable inet agi {\n"
        "  chain untracked {\n    type filter hook output priority -300; policy accept;\n"
        + "".join(f"    {line}\n" for line in UNTRACKED)
        + "  }\n"
        "  chain output {\n    type filter hook output priority 0; policy drop;\n" + output + "\n  }\n"
        '  chain input {\n    type filter hook input priority 0; policy drop;\n    iifname "lo" accept\n'
        "    ct state established,related accept\n  }\n"
        "  chain forward {\n    type filter hook forward priority 0; policy drop;\n  }\n}\n"
    )


def _rules(value: Any, side: str, faults: list[str]) -> tuple[Rule, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_RULES:
        faults.append(_("The rules stand in a list of at most %(most)d.") % {"most": MAX_RULES})
        return ()
    found = []
    for number, given in enumerate(value, 1):
        try:
            found.append(_rule(given))
        except ValueError as error:
            faults.append(_FAULT_OF_RULE[side] % {"number": number, "fault": error})
    return tuple(found)


def _rule(given: Any) -> Rule:
    """One rule; raises ValueError with a sentence."""
    if not isinstance(given, dict) or set(given) - {"host", "ip", "cidr", "port", "protocol"}:
        raise ValueError(_("A rule has “host”, “ip” or “cidr”, and may have “port” and “protocol”."))
    places = [name for name in ("host", "ip", "cidr") if given.get(name) is not None]
    if len(places) != 1 or not isinstance(given[places[0]], str):
        raise ValueError(_("A rule names one host, one ip or one cidr."))
    protocol = given.get("protocol") or ""
    if protocol not in ("", *PROTOCOLS):
        raise ValueError(_("The protocol is “tcp” or “udp”."))
    first, last = _ports(given.get("port"))
    place = given[places[0]].strip()
    if places[0] == "host":
        return Rule(None, _host(place), first, last, protocol)
    return Rule(_network(place, single=places[0] == "ip"), "", first, last, protocol)


def _host(name: str) -> str:
    if "*" in name:
        raise ValueError(_("Names with * are not possible: each name is resolved and pinned."))
    plain = name.rstrip(".").lower()
    try:
        plain = plain.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if not HOST_NAME.fullmatch(plain) or plain.replace(".", "").isdigit():
        raise ValueError(_("This is not the name of a host; give addresses as “ip” or “cidr”."))
    return plain


def _network(text: str, *, single: bool) -> Network:
    try:
        if "%" in text:  # an IPv6 scope may hold any text, and this becomes a line of a program
            raise ValueError
        network = ipaddress.ip_network(text, strict=not single)
    except ValueError:
        raise ValueError(_("This is not an address or a range of addresses.")) from None
    if single and network.num_addresses != 1:
        raise ValueError(_("An ip is one address; give ranges as “cidr”."))
    return network


def _ports(value: Any) -> tuple[int | None, int | None]:
    if value is None:
        return None, None
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text.strip(), re.ASCII)
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if 1 <= first <= last <= 65535:
            return first, last
    raise ValueError(_("A port is a number from 1 to 65535, or a range like 8000-8100."))


def _is_special(network: Network) -> bool:
    """Whether a network lies wholly within one that is not the public internet."""
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in SPECIAL
    )


def _statements(rules: Iterable[Rule], pins: Pins, verdict: str) -> list[tuple[Network, str]]:
    lines: list[tuple[Network, str]] = []
    for rule in rules:
        networks = (
            [rule.network] if rule.network is not None else map(ipaddress.ip_network, pins.get(rule.host, ()))
        )
        for network in networks:
            lines += [
                (network, f"{_family(network)} daddr {network} {match}{verdict}")
                for match in _matches(rule, verdict)
            ]
    return lines


def _matches(rule: Rule, verdict: str) -> list[str]:
    """How nft says a rule's protocol and ports; what is allowed is always TCP or UDP."""
    if rule.first is None:
        if rule.protocol or verdict == "accept":
            return [f"meta l4proto {rule.protocol or '{ tcp, udp }'} "]
        return [""]
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    return [f"{protocol} dport {ports} " for protocol in ([rule.protocol] if rule.protocol else PROTOCOLS)]


def _family(network: Network) -> str:
    return "ip" if network.version == 4 else "ip6"
