"""From a posted message to the first token at the client, beside the model's own first token."""

import http.client
import json
import time

from bench.report import Figure, percentiles, told
from bench.site import Site, each_kind, open_readers

ROUNDS = 40
# Between two messages: what follows an answer (search rows, memories) is done by then. People pause longer.
PAUSE_SECONDS = 0.3


def site_first_token(site: Site, conversation: str, text: str) -> float:
    """Seconds from posting a message to the first piece of its answer on the stream; waits for its end."""
    (reader,) = open_readers(site, conversation)
    started = time.perf_counter()
    site.post(conversation, text)
    if not reader.done.wait(60):
        raise TimeoutError("the answer did not end")
    if not reader.first_at:
        raise RuntimeError("the answer has no text")
    time.sleep(PAUSE_SECONDS)
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
    """First token through each kind of site, and of the model alone, in turn."""
    return [_figure(site) for site in each_kind()]


def _figure(site: Site) -> Figure:
    ours, theirs = [], []
    conversation = site.conversation()
    site_first_token(site, conversation, "Hello, this one warms up.")
    for number in range(ROUNDS):
        text = f"What do you know about subject {number}?"
        ours.append(site_first_token(site, conversation, text))
        theirs.append(upstream_first_token(site.upstream_port, text))
    extra = percentiles(ours)[0] - percentiles(theirs)[0]
    return Figure(
        f"message posted → first token, {site.kind}",
        told(ours),
        f"{told(theirs)} (the model itself)",
        f"+{extra:.0f} ms at p50",
        "p50 at most +150 ms",
    )
