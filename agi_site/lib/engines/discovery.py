"""Looks for model servers that already run on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

PLACES = (("Ollama", 11434), ("llama.cpp", 8080))
PROBE_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answers on loopback: set CHAT_BASE_URL to `base_url` and CHAT_MODEL to one of
    `models`.
    """

    kind: str
    base_url: str
    models: tuple[str, ...]


def discover_local(places: tuple[tuple[str, int], ...] = PLACES) -> list[FoundServer]:
    """The Ollama and llama.cpp servers on loopback that list at least one model; takes at most a second.

    Proxies of the environment are not asked: the address never leaves the machine.
    """
    found = []
    with httpx2.Client(timeout=PROBE_SECONDS, verify=False, trust_env=False) as client:
        for kind, port in places:
            base_url = f"http://127.0.0.1:{port}/v1"
            try:
                data = client.get(f"{base_url}/models").raise_for_status().json()["data"]
                models = tuple(str(row["id"]) for row in data)
            except (httpx2.HTTPError, ValueError, KeyError, TypeError):
                continue  # nobody there, or someone else
            if models:
                found.append(FoundServer(kind, base_url, models))
    return found
