"""Rules, rates and names in a container's own network namespace."""

import ipaddress
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .doing import Answer, Fault, own_namespace, run

CONTAINERS = Path("/containers")  # what Docker keeps of each container
FAMILY = {"inet": "ip", "inet6": "ip6"}
COUNT = re.compile(r"^.* ct count over .*\n", re.MULTILINE)
THIS_MACHINE = "    # this machine\n"
RESOLVERS = "    # the machine's resolvers\n"
RESOLV_CONF = Path("/etc/resolv.conf")  # the engine's copy of the machine's, of when the helper started


def network(
    pid: int,
    container: str,
    script: str,
    rate: int | None,
    ports: Sequence[tuple[int, str]],
    device: str = "eth0",
) -> Answer:
    """Replace the rules of a container's network; `rate` in bytes per second, each way, or None."""
    namespace = own_namespace(pid, container)
    try:
        enter = ("nsenter", f"--net=/proc/self/fd/{namespace}", "--")
        script = with_ports(with_resolvers(without_host(script)), ports)
        try:
            run(*enter, "nft", "-f", "-", given=script, pass_fds=(namespace,))
        except Fault:
            if not COUNT.search(script):
                raise
            # a kernel without nft_connlimit: the rate alone is the bound
            run(*enter, "nft", "-f", "-", given=COUNT.sub("", script), pass_fds=(namespace,))
        shape(enter, namespace, device, rate)
    finally:
        os.close(namespace)
    return {}


def without_host(script: str) -> str:
    """Ranges, names and all of the internet do not open this machine's own addresses."""
    if THIS_MACHINE not in script:
        return script
    found = json.loads(run("ip", "-j", "address"))
    lines = [
        f"    {FAMILY[entry['family']]} daddr {entry['local']} reject with icmpx admin-prohibited\n"
        for link in found
        for entry in link.get("addr_info", ())
        if entry.get("local") and entry.get("family") in FAMILY
    ]
    return script.replace(THIS_MACHINE, "".join(lines))


def with_resolvers(script: str) -> str:
    """Where all of the internet is open, names are found: resolvers often have private addresses.

    The engine asks them, by sockets of its own in the container's network: those of root. Programs in a
    sandbox are never root, and cannot become it, so they reach no resolver but the engine's own: they may ask
    for names, which nothing smaller would let them, but do not reach port 53 of a machine in the house.
    """
    lines = [
        f"    {'ip6' if ':' in address else 'ip'} daddr {address} meta skuid 0 {protocol} dport 53 accept\n"
        for address in resolvers()
        for protocol in ("udp", "tcp")
    ]
    return script.replace(RESOLVERS, "".join(lines))


def resolvers() -> list[str]:
    """The addresses the engine asks for names; those on loopback it asks from the machine itself."""
    text = RESOLV_CONF.read_text() if RESOLV_CONF.exists() else ""
    return [
        address for address in re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE) if is_elsewhere(address)
    ]


def is_elsewhere(address: str) -> bool:
    """Whether this is an address, of no scope (which may hold any text), and not on loopback."""
    try:
        return not ipaddress.ip_address(address).is_loopback and "%" not in address
    except ValueError:
        return False


def with_ports(script: str, ports: Sequence[tuple[int, str]]) -> str:
    """Let answers of published ports out, and those who ask in."""
    for port, protocol in ports:
        script += (
            f"insert rule inet agi input {protocol} dport {int(port)} accept\n"
            "insert rule inet agi output ct state established ct direction reply "
            f"{protocol} sport {int(port)} accept\n"
        )
    return script


def shape(enter: Sequence[str], namespace: int, device: str, rate: int | None) -> None:
    """Hold back what leaves inside, and what comes in at the host's end of the cable; without tc, nothing."""
    if not shutil.which("tc"):
        return
    links = json.loads(run(*enter, "ip", "-j", "link", "show", device, pass_fds=(namespace,)))
    peer = links[0].get("link_index")
    outside = next(
        (link["ifname"] for link in json.loads(run("ip", "-j", "link")) if link["ifindex"] == peer), ""
    )
    for prefix, name, fds in ((enter, device, (namespace,)), ((), outside, ())):
        if not name:
            continue
        if rate:
            run(*prefix, "tc", "qdisc", "replace", "dev", name, "root", *bucket(rate), pass_fds=fds)
        elif "tbf" in run(*prefix, "tc", "qdisc", "show", "dev", name, "root", pass_fds=fds):
            run(*prefix, "tc", "qdisc", "del", "dev", name, "root", pass_fds=fds)


def bucket(rate: int) -> tuple[str, ...]:
    burst = max(rate // 20, 32_768)
    return ("tbf", "rate", f"{rate * 8}bit", "burst", str(burst), "latency", "200ms")


def names(container: str, lines: Sequence[str]) -> Answer:
    """Write the pinned names into a container's hosts file, below those Docker wrote."""
    if not re.fullmatch(r"[0-9a-f]{64}", container):
        raise Fault("this is not a container")
    place = CONTAINERS / container / "hosts"
    kept = place.read_text().partition("# pinned\n")[0]
    with place.open("r+") as file:  # in place: the container sees this very file
        file.write(kept + "# pinned\n" + "".join(f"{line}\n" for line in lines))
        file.truncate()
    return {}
