"""Converts the result of a `tools/call` to the text that the model reads. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.mcp.failure_text import shown_failure

MAX_BLOCKS = 200
_FAILURE_CAP = 2000  # characters of a failure's text


def content_text_of(result: dict[str, JSON]) -> str:
    """Return a result as text: texts as they are, other content as notes, structured content only if it is alone.

    Raises:
        ToolExecutionError: `tool_failed`: the server reports that the tool failed, or wants input from the user.
            `detail` has the server's own words, which are for the log only.
    """
    kind = result.get("resultType", "complete")
    if kind != "complete":
        text = "the MCP server wants input from its user, which is not offered"
        raise ToolExecutionError(text if kind == "input_required" else f"the MCP server gave a result of type {kind!r}")
    blocks = result.get("content")
    texts = [_block(block) for block in blocks[:MAX_BLOCKS]] if isinstance(blocks, list) else []
    if isinstance(blocks, list) and len(blocks) > MAX_BLOCKS:
        texts.append(f"[{len(blocks) - MAX_BLOCKS} more parts are not shown]")
    text = "\n".join(texts)
    if not texts and result.get("structuredContent") is not None:
        text = msgspec.json.encode(result["structuredContent"]).decode()
    if result.get("isError") is True:
        shown = shown_failure(text)[:_FAILURE_CAP]
        raise ToolExecutionError(shown or "the tool failed and did not say why", detail=text)
    return text


def _block(block: Any) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": ("image" | "audio") as kind, **rest}:
            return _note(kind, rest.get("mimeType"), rest.get("data"))
        case {"type": "resource_link", "uri": str(uri), **rest}:
            return f"[resource {str(rest.get('name', ''))[:200]} {uri[:1000]}]"
        case {"type": "resource", "resource": {"text": str(text), **rest}}:
            return f"[resource {str(rest.get('uri', ''))[:1000]}]\n{text}"
        case {"type": "resource", "resource": {"blob": blob, **rest}}:
            return _note(f"resource {str(rest.get('uri', ''))[:1000]}", rest.get("mimeType"), blob)
    return "[a part of a kind that is not known here]"


def _note(what: str, mime_type: Any, data: Any) -> str:
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    kind = f" of type {mime_type[:100]}" if isinstance(mime_type, str) else ""
    return f"[{what}{kind}, {size} bytes: not shown]"
