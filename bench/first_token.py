"""From a posted message to the first token at the client, beside the model's own first token."""

import http.client
import json
import time

from bench.report import Figure, percentiles, told
from bench.site import Reader, Site, running_site

ROUNDS = 40


def site_first_token(site: Site, conversation: str, text: str) -> float:
    """Seconds from posting a message to the first piece of its answer on the stream."""
    reader = Reader(site, conversation)
    reader.start()
    if not reader.connected.wait(30):
        raise TimeoutError("the stream did not open")
    started = time.perf_counter()
    site.post(conversation, text)
    if not reader.done.wait(60):
        raise TimeoutError("the answer did not end")
    return reader.first_at - started


def upstream_first_token(port: int, text: str) -> float:
    """Seconds from the request to the first piece of the model's own stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"model": "bench", "stream": True, "messages": [{"role": "user", "content": text}]})
    started = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.readline()
    seconds = time.perf_counter() - started
    response.read()
    return seconds


def measure() -> list[Figure]:
    """First token through the embedded site, and of the model alone, in turn."""
    ours, theirs = [], []
    with running_site() as site:
        conversation = site.conversation()
        site_first_token(site, conversation, "Hello, this one warms up.")
        for number in range(ROUNDS):
            text = f"What do you know about subject {number}?"
            ours.append(site_first_token(site, conversation, text))
            theirs.append(upstream_first_token(site.upstream_port, text))
    extra = percentiles(ours)[0] - percentiles(theirs)[0]
    return [
        Figure(
            "message posted → first token, embedded (p50 / p95)",
            told(ours),
            told(theirs),
            f"+{extra:.1f} ms",
            "p50 at most 150 ms over the model",
        )
    ]
