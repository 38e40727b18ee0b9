"""Which addresses may be reached: pure checks, nothing is asked of any network."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

import httpx2
from django.utils.translation import gettext as _

from .problems import AddressRefused

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

LONGEST_URL = 8000
# Public by their number, and yet a cloud's own: Azure's wire server answers every machine there.
_METADATA = {ip_address("168.63.129.16")}
# IPv6 networks that carry an IPv4 address inside, and where in the 128 bits it stands.
_CARRIERS = (
    (ip_network("::/96"), 0),  # IPv4-compatible, deprecated
    (ip_network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (ip_network("::ffff:0:0:0/96"), 0),  # IPv4-translated (SIIT)
    (ip_network("64:ff9b::/96"), 0),  # NAT64
    (ip_network("2002::/16"), 80),  # 6to4
)
# Never public: local NAT64, Teredo (its IPv4 address is scrambled), site-local, discard-only, documentation.
_RESERVED = tuple(
    ip_network(text)
    for text in ("64:ff9b:1::/48", "2001::/32", "fec0::/10", "100::/64", "2001:db8::/32", "3fff::/20")
)
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
# The last label of a host that the standard (WHATWG URL, "ends in a number") reads as an IPv4 address.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, whatever form it is written in."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or any(address in network for network in _RESERVED):
            return False
        for network, shift in _CARRIERS:
            if address in network:
                return is_public(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
        if (int(address) >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):  # ISATAP carries one, too
            return False
    return address.is_global and not address.is_multicast and address not in _METADATA


def is_link_local(address: Address) -> bool:
    """Whether an address is of one's own link, where clouds keep their metadata services."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _LINK_LOCAL if network.version == address.version)


@dataclass(frozen=True, slots=True)
class HostList:
    """Hosts that a setting names: `host`, `host:port`, `*.domain`, an IP address or a network (CIDR).

    `*` is any host.
    """

    names: frozenset[tuple[str, int | None]] = frozenset()
    suffixes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    every: bool = False

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """Read a setting's entries."""
        names: set[tuple[str, int | None]] = set()
        suffixes, networks, every = [], [], False
        for entry in (text.strip().lower() for text in entries):
            if entry == "*":
                every = True
            elif entry.startswith("*."):
                suffixes.append(entry[1:])
            elif entry and (network := _network(entry)) is not None:
                networks.append(network)
            elif entry:
                names.add(_name_and_port(entry))
        return cls(frozenset(names), tuple(suffixes), tuple(networks), every)

    def __bool__(self) -> bool:
        return bool(self.every or self.names or self.suffixes or self.networks)

    def has_name(self, host: str, port: int) -> bool:
        """Whether the list names this host (not its address)."""
        host = host.lower().rstrip(".")
        named = (host, None) in self.names or (host, port) in self.names
        return named or any(host.endswith(suffix) for suffix in self.suffixes)

    def has_address(self, address: Address) -> bool:
        """Whether the list names this address or a network it lies in."""
        return any(address in network for network in self.networks if network.version == address.version)

    def has(self, host: str, port: int) -> bool:
        """Whether the list names a host as it stands in an address."""
        literal = literal_address(host)
        return self.every or self.has_name(host, port) or (literal is not None and self.has_address(literal))


def checked_url(url: str) -> httpx2.URL:
    """The address taken apart; raises AddressRefused for all that is not a plain http or https address."""
    if len(url) > LONGEST_URL or _ODD.search(url):
        raise AddressRefused(_("This is not an address that can be opened."), code="bad_url")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise AddressRefused(_("This is not an address that can be opened."), code="bad_url") from error
    if parsed.scheme not in ("http", "https"):
        raise AddressRefused(_("Only http:// and https:// addresses are opened."), code="bad_scheme")
    if parsed.userinfo or "@" in re.split(r"[/?#]", url.partition("//")[2], maxsplit=1)[0]:
        raise AddressRefused(_("An address may not hold a user name or password."), code="user_info")
    check_host(host_of(parsed))
    return parsed


def host_of(url: httpx2.URL) -> str:
    """The host as it goes over the wire: ASCII, without the brackets of an IPv6 address."""
    return url.raw_host.decode("ascii").lower().strip("[]")


def port_of(url: httpx2.URL) -> int:
    """The port, also where the address leaves it out."""
    return url.port or (443 if url.scheme == "https" else 80)


def check_host(host: str) -> None:
    """Raise AddressRefused for an empty host and for odd spellings of numbers (`2130706433`, `0x7f.1`)."""
    if not host or "%" in host:
        raise AddressRefused(_("This is not an address that can be opened."), code="bad_url")
    last = host.rstrip(".").rpartition(".")[2]
    if literal_address(host) is None and (":" in host or _NUMBER.fullmatch(last)):
        raise AddressRefused(_("Write an IP address as four decimal numbers."), code="odd_address")


def literal_address(host: str) -> Address | None:
    """The address that a host is, where it is one and not a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _name_and_port(entry: str) -> tuple[str, int | None]:
    host, colon, port = entry.rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdigit() else (entry.rstrip("."), None)
