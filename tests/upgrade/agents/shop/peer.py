"""An MCP server over stdio with one tool. It imports nothing of ours."""

from __future__ import annotations

import json
import sys

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
INFO = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "peer", "version": "1"}}


def result(method: str, params: dict) -> dict | None:
    if method == "initialize":
        return INFO
    if method == "tools/list":
        return {"tools": [{"name": "echo", "description": "Says it again", "inputSchema": SCHEMA}]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "echo " + params["arguments"]["text"]}]}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        found = result(message["method"], message.get("params") or {})
        error = {"error": {"code": -32601, "message": "Method not found"}}
        answer = error if found is None else {"result": found}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
