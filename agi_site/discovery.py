"""Whether a model server answers on this machine, so that the start page can offer it."""

import json
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from django.core.cache import cache

# Where these programs listen by default; each speaks the OpenAI protocol below /v1.
SERVERS = [
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("llama.cpp", "http://127.0.0.1:8080/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
]
TIMEOUT_SECONDS = 0.4
REMEMBERED_SECONDS = 60
LARGEST_ANSWER = 1_000_000
_KEY = "agi_site.discovery"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A model server on this machine and the names of its models."""

    name: str
    base_url: str
    models: tuple[str, ...]


def discover_local() -> LocalServer | None:
    """The first local model server that lists a model; asked at most once a minute."""
    remembered = cache.get(_KEY)
    if remembered is not None:
        return LocalServer(*remembered) if remembered else None
    found = next((server for name, url in SERVERS if (server := _ask(name, url))), None)
    cache.set(_KEY, (found.name, found.base_url, found.models) if found else (), REMEMBERED_SECONDS)
    return found


def _ask(name: str, base_url: str) -> LocalServer | None:
    # Loopback needs no proxy, whatever the environment says.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"{base_url}/models", timeout=TIMEOUT_SECONDS) as response:
            listed = json.loads(response.read(LARGEST_ANSWER))["data"]
        models = tuple(str(model["id"]) for model in listed)[:20]
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return None
    return LocalServer(name, base_url, models) if models else None
