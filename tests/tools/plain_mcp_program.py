"""An MCP server without any library, for a sandbox without a network: JSON-RPC, one message a line."""

import json
import os
import sys

TOOLS = [
    {
        "name": "word_count",
        "description": "Counts words.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
        },
    },
    {"name": "where", "description": "Says where it runs.", "inputSchema": {"type": "object"}},
    {"name": "crash", "description": "Ends the program.", "inputSchema": {"type": "object"}},
]


def say(message: dict) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value: str) -> dict:
    return {"content": [{"type": "text", "text": value}]}


def call(name: str, arguments: dict, meta: dict) -> dict:
    if name == "crash":
        sys.stderr.write("out of cheese\n")
        sys.stderr.flush()
        os._exit(3)
    if name == "where":
        return text(f"key={len(os.environ.get('API_KEY', ''))}")
    if "progressToken" in meta:
        progress = {"progressToken": meta["progressToken"], "progress": 1, "total": 2, "message": "half"}
        say({"method": "notifications/progress", "params": progress})
    return text(str(len(arguments["text"].split())))


for line in sys.stdin:
    asked = json.loads(line)
    method, params = asked.get("method"), asked.get("params") or {}
    if "id" not in asked:
        continue
    if method == "initialize":
        result = {
            "protocolVersion": params.get("protocolVersion", "2025-06-18"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "plain", "version": "1"},
        }
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call":
        result = call(params["name"], params.get("arguments") or {}, params.get("_meta") or {})
    else:
        say({"id": asked["id"], "error": {"code": -32601, "message": "unknown method"}})
        continue
    say({"id": asked["id"], "result": result})
