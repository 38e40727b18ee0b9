"""An OpenAI-compatible server on loopback that does what a test tells it: answer, stall, break, refuse."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One answer to /v1/chat/completions.

    `pieces` are chunks' `delta` dicts or plain texts; `delay` seconds pass before each; `first_delay`
    before the headers. `then`: "finish" ends well, "break" drops the connection, "stall" goes silent,
    "silent_end" closes cleanly without a finish reason, "error_event" sends an error inside the stream.
    """

    pieces: list[Any] = field(default_factory=list)
    delay: float = 0.0
    first_delay: float = 0.0
    then: str = "finish"
    finish_reason: str = "stop"
    status: int = 200
    error: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    usage: dict[str, int] | None = None


def text_reply(*texts: str, **options: Any) -> Reply:
    return Reply(pieces=list(texts), usage={"prompt_tokens": 11, "completion_tokens": len(texts)}, **options)


def error_reply(status: int, message: str = "no", code: str = "", **options: Any) -> Reply:
    return Reply(status=status, error={"message": message, "code": code, "type": "error"}, **options)


def call_fragment(
    index: int | None, *, name: str = "", arguments: str = "", call_id: str = ""
) -> dict[str, Any]:
    function: dict[str, str] = {"arguments": arguments}
    if name:
        function["name"] = name
    call: dict[str, Any] = {"type": "function", "function": function}
    if index is not None:
        call["index"] = index
    if call_id:
        call["id"] = call_id
    return {"tool_calls": [call]}


class ScriptedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Handler)
        self.replies: deque[Reply] = deque()
        self.requests: list[dict[str, Any]] = []
        self.authorisations: list[str] = []
        self.connections = 0
        self.hung_up = threading.Event()
        self.closing = threading.Event()
        self.models = ["scripted-1"]
        self.embedding_dimension = 8
        # Whether it remembers nothing of its own accord where it is asked what a message says of its author:
        # that happens some time after an answer, and would take a reply that is meant for the next.
        self.remembers_nothing = False
        self.rerank_scores: Callable[[str], float] = len

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def script(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def rerank(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer as reranking servers give it: the best first."""
        scored = [
            {"index": at, "relevance_score": self.rerank_scores(text)}
            for at, text in enumerate(body["documents"])
        ]
        return 200, {"results": sorted(scored, key=lambda one: -one["relevance_score"])}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


def _asks_what_to_remember(body: dict[str, Any]) -> bool:
    choice = body.get("tool_choice")
    return isinstance(choice, dict) and choice.get("function", {}).get("name") == "remember"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._json(
            200, {"object": "list", "data": [{"id": m, "object": "model"} for m in self.server.models]}
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.remembers_nothing and _asks_what_to_remember(body):
            call = call_fragment(0, name="remember", arguments='{"memories": []}', call_id="m")
            self._stream(Reply(pieces=[call], finish_reason="tool_calls"), body)
            return
        self.server.requests.append(body)
        self.server.authorisations.append(self.headers.get("Authorization", ""))
        if self.path.endswith("/embeddings"):
            self._embeddings(body)
            return
        if self.path.endswith("/rerank"):
            self._json(*self.server.rerank(body))
            return
        reply = self.server.replies.popleft() if self.server.replies else text_reply("ok")
        self._wait(reply.first_delay)
        if reply.error is not None:
            self._json(reply.status, {"error": reply.error}, reply.headers)
            return
        self._stream(reply, body)

    def _embeddings(self, body: dict[str, Any]) -> None:
        rows = [
            {"object": "embedding", "index": at, "embedding": [float(len(text))] + [1.0] * (self._size() - 1)}
            for at, text in enumerate(body["input"])
        ]
        data = {"object": "list", "model": body["model"], "data": rows[::-1], "usage": {"prompt_tokens": 1}}
        self._json(200, data)

    def _size(self) -> int:
        return self.server.embedding_dimension

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self, reply: Reply, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in reply.pieces:
            self._wait(reply.delay)
            delta = {"content": piece} if isinstance(piece, str) else piece
            self._chunk(body, [{"index": 0, "delta": delta, "finish_reason": None}])
        self._end(reply, body)

    def _end(self, reply: Reply, body: dict[str, Any]) -> None:
        if reply.then == "stall":
            self._wait_for_hang_up()
        elif reply.then == "break":
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        elif reply.then == "error_event":
            self._write(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n')
            self._write(b"")
        else:
            if reply.then == "finish":
                self._chunk(body, [{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}])
                if reply.usage and body.get("stream_options"):
                    self._chunk(body, [], usage=reply.usage)
                self._write(b"data: [DONE]\n\n")
            self._write(b"")

    def _chunk(self, body: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> None:
        data = {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": body["model"],
            "choices": choices,
            **more,
        }
        self._write(f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        try:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        except OSError:
            self.server.hung_up.set()
            raise

    def _wait(self, seconds: float) -> None:
        """Sleep, but notice the client leaving."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.server.closing.is_set():
            if self._gone(min(left, 0.05)):
                self.server.hung_up.set()
                raise ConnectionResetError

    def _wait_for_hang_up(self) -> None:
        while not self.server.closing.is_set():
            if self._gone(0.05):
                self.server.hung_up.set()
                return

    def _gone(self, seconds: float) -> bool:
        import select

        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and self.connection.recv(1) == b""


@contextlib.contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(2)
