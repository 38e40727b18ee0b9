"""A chat model that answers at once, over OpenAI's HTTP API: `python -m bench.upstream PORT`.

A message of the form `stream COUNT RATE` is answered with COUNT numbered tokens at RATE per second.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

ORDER = re.compile(r"stream (\d+) (\d+)")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer /v1/models and /v1/chat/completions."""
    body = b""
    while scope["type"] == "http":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if not scope.get("path", "").endswith("/chat/completions"):
        await _respond(send, b'{"object":"list","data":[{"id":"bench","object":"model"}]}')
        return
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for piece in _pieces(json.loads(body)):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _respond(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _pieces(request: dict[str, Any]) -> AsyncIterator[bytes]:
    last = next(m["content"] for m in reversed(request["messages"]) if m["role"] == "user")
    order = ORDER.search(str(last))
    count, rate = (int(order[1]), int(order[2])) if order else (3, 0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(count):
        if rate:
            await asyncio.sleep(max(0.0, started + number / rate - loop.time()))
        yield _chunk({"role": "assistant", "content": f"t{number} "})
    yield _chunk({}, finish="stop")


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
