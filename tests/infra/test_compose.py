"""docker-compose.yml, the image and the proxy speak of things that exist. (Tests cannot pull images.)"""

import importlib
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from django.core.management import get_commands

from agi_site import embedded
from tests.infra.processes import ROOT, free_ports, running, status_of, wait_until

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def words(service: dict[str, Any]) -> list[str]:
    command = service["command"]
    return command.split() if isinstance(command, str) else [str(word) for word in command]


def test_the_stack_has_the_parts_the_design_names():
    assert set(SERVICES) >= {"mysql", "redis", "web", "streams", "worker", "worker-sandbox", "beat", "proxy"}
    assert SERVICES["mysql"]["image"] == "mysql:8.4"


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_command_is_installed(name):
    assert (Path(sys.executable).parent / words(OURS[name])[0]).exists() or words(OURS[name])[0] == "sh"


def test_management_commands_exist():
    used = re.findall(
        r"manage\.py (\w+)", (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    )
    assert used
    assert set(used) <= set(get_commands())


@pytest.mark.parametrize("name", ["web", "streams"])
def test_its_application_can_be_imported(name):
    module, attribute = next(word for word in words(SERVICES[name]) if ":" in word).split(":")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_each_queue_has_one_kind_of_worker():
    queues = [word for name in ("worker", "worker-sandbox") for word in words(SERVICES[name])]
    served = ",".join(queues[i + 1] for i, word in enumerate(queues) if word == "-Q").split(",")
    assert sorted(served) == sorted(embedded.queues())


def test_only_the_sandbox_worker_holds_the_docker_socket():
    holders = [name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))]
    assert holders == ["worker-sandbox"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_run_without_privileges_on_a_read_only_root(name):
    assert OURS[name]["read_only"] is True
    assert OURS[name]["cap_drop"] == ["ALL"]


def test_what_a_service_waits_for_exists_and_can_be_waited_for():
    for service in SERVICES.values():
        needs = service.get("depends_on", {})
        for needed in needs:
            assert needed in SERVICES
            if isinstance(needs, dict) and needs[needed]["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]


def test_each_variable_that_must_be_set_is_in_the_example():
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text())):
        assert re.search(rf"^{name}=", example, re.MULTILINE), name


def test_each_variable_handed_to_the_program_is_a_setting():
    settings = (ROOT / "agi_site" / "settings.py").read_text()
    for service in OURS.values():
        for name in set(service["environment"]) - {"DOCKER_HOST"}:  # read by the docker library
            assert f'"{name}"' in settings, name


def test_the_image_takes_along_what_it_uses():
    text = (ROOT / "Dockerfile").read_text()
    assert "USER agi" in text
    for path in ("requirements.txt", "deploy/gunicorn.py"):
        assert path in text
        assert (ROOT / path).exists()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git", ".venv"} <= set(ignored)


def test_the_proxy_sends_streams_and_pages_to_the_ports_they_listen_on():
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    streams = words(SERVICES["streams"])
    assert f"streams:{streams[streams.index('--port') + 1]}" in caddyfile
    bind = re.search(r'"0\.0\.0\.0:(\d+)"', (ROOT / "deploy" / "gunicorn.py").read_text())
    assert bind
    assert f"web:{bind[1]}" in caddyfile
    assert "path /events/* /ws/* /mcp /mcp/*" in caddyfile


def test_the_proxy_gives_the_ports_of_sandboxes_to_the_streams_and_to_nothing_else():
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    block = caddyfile[caddyfile.index("{$SANDBOX_ADDRESS:") :]
    assert "reverse_proxy {$STREAMS_UPSTREAM:" in block
    assert "WEB_UPSTREAM" not in block
    wildcard = SERVICES["proxy"]["environment"]["SANDBOX_ADDRESS"]
    assert wildcard == "*." + SERVICES["streams"]["environment"]["SANDBOX_DOMAIN"].replace(
        "{SANDBOX_DOMAIN-", "{SANDBOX_DOMAIN:-"
    )


def test_the_proxy_understands_its_configuration(caddy):
    checked = subprocess.run(
        [caddy, "validate", "--config", "deploy/Caddyfile", "--adapter", "caddyfile"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


class OnePart(BaseHTTPRequestHandler):
    """Answers with a text that is worth compressing, as a part where one is asked for."""

    def do_GET(self) -> None:
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"a" * 5000)

    def log_message(self, *_args: Any) -> None:
        """Nothing is printed."""


def test_the_proxy_packs_whole_texts_and_no_part_of_one(caddy, tmp_path):
    port = free_ports()
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), OnePart)
    Thread(target=upstream.serve_forever, daemon=True).start()
    env = os.environ | {
        "SITE_ADDRESS": f"http://127.0.0.1:{port}",
        "SANDBOX_ADDRESS": f"http://*.localhost:{port}",
        "WEB_UPSTREAM": f"127.0.0.1:{upstream.server_port}",
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    command = [caddy, "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    site = f"http://127.0.0.1:{port}/"
    packed = {"Accept-Encoding": "gzip"}
    try:
        with running(command, env, tmp_path / "caddy.log"):
            wait_until(lambda: status_of(site) == 200, 20)
            assert httpx.get(site, headers=packed).headers["Content-Encoding"] == "gzip"
            part = httpx.get(site, headers=packed | {"Range": "bytes=5-"})
            assert (part.status_code, "Content-Encoding" in part.headers) == (206, False)
    finally:
        upstream.shutdown()
        upstream.server_close()
