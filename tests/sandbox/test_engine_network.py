"""Networks on a real engine: what the rules let through, and how fast."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.engine import DockerHost, EngineError, InstanceSpec
from sandbox.policy import network
from sandbox.policy.limits import MB
from sandbox.policy.network import read_network_policy, to_nft

from .fixtures_engine import PYTHON

pytestmark = pytest.mark.docker_engine

Instance = Callable[..., str]
Inside = Callable[..., tuple[int, str]]
TRY = (
    "import socket,sys\ns=socket.socket();s.settimeout(2)\n"
    "try: s.connect((sys.argv[1],int(sys.argv[2]))); print('open')\n"
    "except OSError as e: print(type(e).__name__, e)"
)


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(bytes(int(self.path.strip("/") or 0)))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a server on all of this machine's addresses: `/<n>` answers with n bytes."""
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def gateway(host: DockerHost) -> str:
    """This machine's address on the site's bridge."""
    host._make_network()
    network = host.client.call("GET", f"/networks/agi-{host.site}-net")
    return network["IPAM"]["Config"][0]["Gateway"]


def allowing(address: str, port: int | None = None) -> dict[str, Any]:
    return {"allow": [{"ip": address, "port": port}]}


def script(policy: dict[str, Any], **pins: list[str]) -> str:
    return to_nft(read_network_policy(policy), pins=pins)


def test_only_what_the_policy_allows_is_reached(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    there = gateway(docker_host)
    policy = allowing(there, listener)
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": script(policy)})
    reach = f'python3 -c "{TRY}"'
    assert run_inside(instance_id, f"{reach} {there} {listener}")[1] == "open"
    assert "open" not in run_inside(instance_id, f"{reach} {there} {listener + 1}")[1]
    assert "No route" in run_inside(instance_id, f"{reach} {there} 22")[1]
    assert "No route" in run_inside(instance_id, f"{reach} 1.1.1.1 443")[1]
    assert "timed out" in run_inside(instance_id, f"{reach} 169.254.169.254 80")[1]
    # rules are changed while it runs, and what was open is closed
    docker_host.apply_network(instance_id, None, None)
    assert "open" not in run_inside(instance_id, f"{reach} {there} {listener}")[1]
    docker_host.apply_network(instance_id, script(policy), None)
    assert run_inside(instance_id, f"{reach} {there} {listener}")[1] == "open"
    # and after another start nothing passes until the rules are given again
    docker_host.stop(instance_id)
    docker_host.start(instance_id)
    assert "open" not in run_inside(instance_id, f"{reach} {there} {listener}")[1]


def test_this_machine_stays_out_of_reach_where_all_of_the_internet_is_open(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    policy = {"default": "allow"}
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": script(policy)})
    there = gateway(docker_host)
    assert "open" not in run_inside(instance_id, f'python3 -c "{TRY}" {there} {listener}')[1]
    rules = run_rules(docker_host, instance_id)
    assert f"ip daddr {there} reject" in rules
    assert rules.index(f"ip daddr {there} reject") < rules.index("meta l4proto { tcp, udp } accept")


def test_names_are_found_where_all_of_the_internet_is_open(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    """The engine's resolver asks those of the machine from within the rules, whatever their addresses."""
    named = [
        line.split()[1] for line in Path("/etc/resolv.conf").read_text().splitlines() if "nameserver" in line
    ]
    asked = [address for address in named if not address.startswith(("127.", "::1"))]
    if not asked:
        pytest.skip("this machine's resolver is on loopback, which the engine asks from outside")
    policy = {"default": "allow"}
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": script(policy)})
    rules = run_rules(docker_host, instance_id)
    for address in asked:
        accepts = f"daddr {address} meta skuid 0 udp dport 53 accept"
        assert rules.index(accepts) < rules.index("daddr 0.0.0.0/8 reject")
        # a program of the sandbox's own gets to the engine's resolver alone
        assert run_inside(instance_id, f'python3 -c "{ASK.replace("127.0.0.11", address)}"')[1] == "refused"
    assert run_inside(instance_id, f'python3 -c "{ASK}"')[1] == "heard"
    docker_host.apply_network(instance_id, script(allowing("93.184.216.34")), None)
    assert "dport 53 accept" not in run_rules(docker_host, instance_id)


def run_rules(host: DockerHost, instance_id: str) -> str:
    """The rules as they stand in a container's network."""
    import subprocess

    pid = host.client.call("GET", f"/containers/agi-{host.site}-{instance_id}/json")["State"]["Pid"]
    argv = ["nsenter", "-t", str(pid), "-n", "nft", "list", "ruleset"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_sandboxes_do_not_see_each_other(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    policy = {"allow": [{"cidr": "10.0.0.0/8"}, {"cidr": "172.16.0.0/12"}, {"cidr": "192.168.0.0/16"}]}
    rules = {"nft_script": script(policy)}
    one = new_instance(image=PYTHON, network_policy=policy, network=rules, published=((8000, "tcp"),))
    other = new_instance(image=PYTHON, network_policy=policy, network=rules)
    address = run_inside(one, "python3 -c 'import socket;print(socket.gethostbyname(socket.gethostname()))'")[
        1
    ]
    run_inside(one, "python3 -m http.server 8000 >/dev/null 2>&1 & sleep 1")
    assert "open" not in run_inside(other, f'python3 -c "{TRY}" {address} 8000')[1]


def test_names_are_pinned_and_no_other_is_found(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    there = gateway(docker_host)
    policy = {"allow": [{"host": "books.example", "port": listener}, {"ip": there, "port": listener}]}
    pins = {"books.example": [there]}
    instance_id = new_instance(
        image=PYTHON,
        network_policy=policy,
        network={"nft_script": to_nft(read_network_policy(policy), pins=pins), "hosts": pins},
    )
    reach = f'python3 -c "{TRY}"'
    assert run_inside(instance_id, f"{reach} books.example {listener}")[1] == "open"
    assert "gaierror" in run_inside(instance_id, f"{reach} other.example {listener}")[1]
    docker_host.apply_network(instance_id, script(policy), None, hosts={"other.example": [there]})
    assert run_inside(instance_id, f"{reach} other.example {listener}")[1] == "open"
    assert "gaierror" in run_inside(instance_id, f"{reach} books.example {listener}")[1]


ASK = (
    "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(1)\n"
    "s.connect(('127.0.0.11',53))\n"
    "try: s.send(b'\\x12\\x34\\1\\0\\0\\1'+bytes(6)+b'\\7example\\0\\0\\1\\0\\1');s.recv(99);print('heard')\n"
    "except TimeoutError: print('heard')\nexcept OSError: print('refused')"
)


def test_a_network_that_is_closed_while_it_runs_leaves_no_resolver(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    policy = {"default": "allow"}
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": script(policy)})
    assert run_inside(instance_id, f'python3 -c "{ASK}"')[1] == "heard"
    docker_host.apply_network(instance_id, script(allowing("93.184.216.34")), None)
    assert run_inside(instance_id, f'python3 -c "{ASK}"')[1] == "refused"


def test_a_published_port_is_reached_from_this_machine_alone(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    import urllib.request

    instance_id = new_instance(image=PYTHON, published=((8000, "tcp"),))
    run_inside(instance_id, "echo hello > index.html; python3 -m http.server 8000 >/dev/null 2>&1 &")
    port = docker_host.published_ports(instance_id)[8000, "tcp"]
    until = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                assert answer.read() == b"hello\n"
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)
    # that somebody asks in opens nothing outwards
    assert "open" not in run_inside(instance_id, f'python3 -c "{TRY}" {gateway(docker_host)} {port}')[1]


HOARD = (
    "import socket,sys\nkept=[]\nfor n in range(1400):\n"
    "    s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
    "    try: s.sendto(b'x',(sys.argv[1],20000+n)); kept.append(s)\n"
    "    except OSError: pass\n"
    "print(len(kept))"
)


def test_one_sandbox_cannot_fill_the_machines_table_of_connections(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    there = gateway(docker_host)
    policy = allowing(there)
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": script(policy)})
    run_inside(instance_id, f'python3 -c "{HOARD}" {there}')
    assert 100 < connections(docker_host, instance_id) <= network.BURST + 10 * network.PER_SECOND
    # within the sandbox there is no bound, and nothing in the table
    run_inside(instance_id, f'python3 -c "{HOARD}" 127.0.0.1')
    assert connections(docker_host, instance_id) <= network.BURST + 20 * network.PER_SECOND
    time.sleep(1)
    reach = f'python3 -c "{TRY}"'
    assert run_inside(instance_id, f"{reach} {there} {listener}")[1] == "open"  # it is slowed down, not shut


@pytest.mark.slow
def test_the_connections_of_a_sandbox_are_counted(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    there = gateway(docker_host)
    policy = allowing(there)
    few = script(policy).replace(f"count over {network.CONNECTIONS}", "count over 5")
    instance_id = new_instance(image=PYTHON, network_policy=policy, network={"nft_script": few})
    hold = (
        "import socket,sys;k=[socket.create_connection((sys.argv[1],int(sys.argv[2])),2) for _ in range(9)]"
    )
    assert "No route" in run_inside(instance_id, f'python3 -c "{hold}" {there} {listener} 2>&1')[1]


def connections(host: DockerHost, instance_id: str) -> int:
    """How many connections the kernel keeps for a container's network."""
    import subprocess

    pid = host.client.call("GET", f"/containers/agi-{host.site}-{instance_id}/json")["State"]["Pid"]
    argv = ["nsenter", "-t", str(pid), "-n", "sysctl", "-n", "net.netfilter.nf_conntrack_count"]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_the_rate_of_the_network_has_its_limit_both_ways(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, listener: int
) -> None:
    there = gateway(docker_host)
    policy = allowing(there, listener)
    instance_id = new_instance(
        image=PYTHON, network_policy=policy, network={"nft_script": script(policy), "rate": MB}
    )
    fetch = (
        "import time,urllib.request as u;t=time.time();"
        f"n=len(u.urlopen('http://{there}:{listener}/'+str(3*2**20)).read());print(n/(time.time()-t))"
    )
    send = (
        "import time,urllib.request as u;t=time.time();"
        f"u.urlopen('http://{there}:{listener}/',bytes(3*2**20)).read();print(3*2**20/(time.time()-t))"
    )
    for direction in (fetch, send):
        rate = float(run_inside(instance_id, f'python3 -c "{direction}"')[1])
        assert 0.6 * MB < rate < 1.25 * MB
    docker_host.apply_network(instance_id, script(policy), None)
    assert float(run_inside(instance_id, f'python3 -c "{fetch}"')[1]) > 5 * MB


def test_rules_that_cannot_be_read_stop_the_container(
    docker_host: DockerHost, new_instance: Instance
) -> None:
    policy = allowing("1.1.1.1")
    instance_id = new_instance(network_policy=policy, start=False)
    with pytest.raises(EngineError, match="syntax error"):
        docker_host.start(instance_id, nft_script="this is no rule")
    found = docker_host.find(instance_id)
    assert found is not None
    assert found.state == "exited"


def test_a_runtime_whose_packets_pass_the_rules_by_gets_no_network(docker_host: DockerHost) -> None:
    spec = InstanceSpec(PYTHON, network_policy={"default": "allow"}, runtime="runsc", workspace="memory")
    with pytest.raises(EngineError, match="no network"):
        docker_host.create("never", spec)
