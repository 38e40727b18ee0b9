"""Network policies: what is read of them, and which packets the rules made of them let out."""

import ipaddress
import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from sandbox.engine.helper_program import network as helper_network
from sandbox.policy.network import is_public, read_network_policy, to_nft, usable_pins

ACCEPTS, REFUSES = "accept", "reject"


def verdict(
    policy: dict[str, Any] | None, address: str, port: int = 443, protocol: str = "tcp", **options: Any
) -> str:
    """What the first rule that fits a packet says: the rules, read as nftables reads them."""
    target = ipaddress.ip_address(address)
    script = to_nft(read_network_policy(policy), **options)
    for line in map(
        str.strip, script.partition("chain output")[2].partition("}\n  chain input")[0].splitlines()
    ):
        if line.startswith(("type", "oifname", "ct ", "{")) or not line.endswith(
            ("accept", "drop", "admin-prohibited")
        ):
            continue
        place = re.search(r"daddr (\S+)", line)
        if place and target not in ipaddress.ip_network(place[1]):
            continue
        ports = re.search(r"(tcp|udp) dport (\d+)(?:-(\d+))?", line)
        if ports and not (ports[1] == protocol and int(ports[2]) <= port <= int(ports[3] or ports[2])):
            continue
        kind = re.search(r"l4proto (\w+|{[^}]*})", line)
        if kind and protocol not in kind[1]:
            continue
        return next(word for word in (ACCEPTS, "drop", REFUSES) if word in line)
    return "drop"


def test_no_policy_is_no_network() -> None:
    assert not read_network_policy(None).needs_network
    assert not read_network_policy({"default": "deny", "deny": [{"ip": "1.1.1.1"}]}).needs_network
    assert verdict(None, "1.1.1.1") == REFUSES


def test_what_is_allowed_opens_one_address_and_its_ports() -> None:
    policy = {"allow": [{"ip": "1.1.1.1", "port": "400-450", "protocol": "tcp"}]}
    assert verdict(policy, "1.1.1.1") == ACCEPTS
    assert verdict(policy, "1.1.1.1", 451) == REFUSES
    assert verdict(policy, "1.1.1.1", 443, "udp") == REFUSES
    assert verdict(policy, "1.1.1.2") == REFUSES


def test_deny_beats_allow() -> None:
    policy = {"default": "allow", "allow": [{"cidr": "1.1.1.0/24"}], "deny": [{"ip": "1.1.1.1"}]}
    assert verdict(policy, "1.1.1.2") == ACCEPTS
    assert verdict(policy, "1.1.1.1") == REFUSES


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.17.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.2", "224.0.0.1", "fe80::1", "fd12::1"],
)
def test_the_open_internet_is_not_the_house(address: str) -> None:
    for policy in ({"default": "allow"}, {"allow": [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}]}):
        assert verdict(policy, address) == REFUSES
        assert verdict(policy, "93.184.216.34") == ACCEPTS
    assert verdict({"allow": [{"ip": address}]}, address) == ACCEPTS


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_a_metadata_service_opens_to_its_very_address_only(address: str) -> None:
    assert verdict({"default": "allow"}, address, 80) == "drop"
    around = ipaddress.ip_network(address).supernet(new_prefix=16)
    assert verdict({"allow": [{"cidr": str(around)}]}, address, 80) == "drop"
    assert verdict({"allow": [{"ip": address, "port": 80}]}, address, 80) == ACCEPTS


def test_a_host_opens_the_addresses_pinned_for_it() -> None:
    policy = {"allow": [{"host": "Example.org.", "port": 443}]}
    assert read_network_policy(policy).hosts == {"example.org"}
    assert verdict(policy, "93.184.216.34", pins={"example.org": ["93.184.216.34"]}) == ACCEPTS
    assert verdict(policy, "93.184.216.34") == REFUSES


def test_a_name_opens_nothing_inside_beyond_what_a_rule_of_the_address_does() -> None:
    """Whoever owns the name may point it anywhere (DNS rebinding)."""
    pins = {"example.org": ["10.0.0.7", "169.254.169.254", "93.184.216.34"]}
    policy = {
        "allow": [{"host": "example.org"}, {"ip": "10.0.0.7", "port": 8080}, {"cidr": "169.254.0.0/16"}]
    }
    assert verdict(policy, "10.0.0.7", 8080, pins=pins) == ACCEPTS
    assert verdict(policy, "10.0.0.7", 22, pins=pins) == REFUSES
    assert verdict(policy, "169.254.169.254", 80, pins=pins) == "drop"
    assert verdict(policy, "93.184.216.34", 22, pins=pins) == ACCEPTS
    # what is denied by name is, wherever it leads
    denied = {"allow": [{"cidr": "10.0.0.0/8"}], "deny": [{"host": "example.org"}]}
    assert verdict(denied, "10.0.0.7", 8080, pins=pins) == REFUSES


@pytest.mark.parametrize(
    ("rule", "is_named"),
    [({"host": "example.org"}, False), ({"cidr": "93.184.0.0/16"}, False), ({"ip": "93.184.216.34"}, True)],
)
def test_a_public_address_of_the_host_opens_to_its_very_address_only(
    monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any], is_named: bool
) -> None:
    """As everywhere, what is in the house is for those who name it: a range or a name does not."""
    addresses = [{"addr_info": [{"family": "inet", "local": "93.184.216.34"}]}]
    monkeypatch.setattr(helper_network, "run", lambda *_argv: json.dumps(addresses))
    script = to_nft(read_network_policy({"allow": [rule]}), pins={"example.org": ["93.184.216.34"]})
    [closed, opened] = [
        "ip daddr 93.184.216.34 reject",
        f"ip daddr {rule.get('cidr', '93.184.216.34/32')} meta",
    ]
    made = helper_network.without_host(script)
    assert opened in made
    if is_named:
        assert closed not in made
    else:
        assert made.index(closed) < made.index(opened)


def test_a_name_that_leads_inside_pins_nothing() -> None:
    policy = read_network_policy({"allow": [{"host": "example.org"}, {"ip": "10.0.0.7"}]})
    addresses = ["93.184.216.34", "127.0.0.1", "169.254.169.254", "10.0.0.6", "10.0.0.7", "::1"]
    assert usable_pins(policy, "example.org", addresses) == ["93.184.216.34", "10.0.0.7"]
    around = read_network_policy({"allow": [{"host": "example.org"}, {"cidr": "169.254.0.0/16"}]})
    assert usable_pins(around, "example.org", ["169.254.169.254", "169.254.1.1"]) == ["169.254.1.1"]
    assert not is_public("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"ip": "1.1.1.1", "host": "a.b"},
        {"ip": "1.1.1.0/24"},
        {"ip": "1.1.1"},
        {"cidr": "1.1.1.1/24"},
        {"ip": "fe80::1%eth0"},
        {"ip": "2606:4700::1%x\n    accept"},
        {"cidr": "2606:4700::1%x accept/128"},
        {"host": "*.example.org"},
        {"host": "http://example.org"},
        {"host": "1.2.3.4"},
        {"host": "a" * 300},
        {"ip": "1.1.1.1", "port": 0},
        {"ip": "1.1.1.1", "port": 65536},
        {"ip": "1.1.1.1", "port": "90-80"},
        {"ip": "1.1.1.1", "port": "80; drop"},
        {"ip": "1.1.1.1", "port": True},
        {"ip": "1.1.1.1", "protocol": "icmp"},
        {"ip": "1.1.1.1", "ports": 80},
        "1.1.1.1",
    ],
)
def test_an_impossible_rule_is_refused_with_its_number(rule: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_network_policy({"allow": [{"ip": "1.1.1.1"}, rule]})
    assert "2" in str(refused.value.errors["network_policy"][0])


@pytest.mark.parametrize(
    "policy", [{"default": "ask"}, {"allow": {}}, {"deny": [{}] * 201}, {"mode": "deny"}]
)
def test_an_impossible_policy_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_network_policy(policy)


def test_the_bounds_of_connections_come_before_every_acceptance() -> None:
    for policy in ({"default": "allow"}, {"allow": [{"ip": "1.1.1.1"}]}):
        script = to_nft(read_network_policy(policy)).partition("chain output")[2]
        assert script.index("limit rate over") < script.index("ct count over") < script.index("accept\n")
    # what stays within the sandbox is not in the table at all
    assert to_nft(read_network_policy(None)).index("notrack") < to_nft(read_network_policy(None)).index("ct ")


@pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed")
def test_nftables_takes_the_rules_again_and_again() -> None:
    policy = {
        "default": "allow",
        "allow": [{"host": "example.org", "port": "80-90"}, {"ip": "10.0.0.7"}, {"cidr": "2001:4860::/32"}],
        "deny": [{"cidr": "1.1.1.0/24"}, {"ip": "8.8.8.8", "port": 53}],
    }
    script = to_nft(read_network_policy(policy), pins={"example.org": ["93.184.216.34", "2606:2800::1"]})
    for text in (script, to_nft(read_network_policy(None))):
        # -c reads everything and changes nothing
        checked = subprocess.run(
            ["unshare", "--net", "nft", "-c", "-f", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if "unshare" in checked.stderr:
            pytest.skip("namespaces of its own are for root")
        assert (checked.returncode, checked.stderr) == (0, "")
