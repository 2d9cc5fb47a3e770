"""Converts the result of a `tools/call` to the text that the model reads, and its files. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from journeyman.errors import ToolExecutionError
from journeyman.events.messages import JSON
from journeyman.tools.mcp.failure_text import shown_failure
from journeyman.tools.tool_file import MOST_BYTES, MOST_FILES, TextWithFiles, ToolFile

MAX_BLOCKS = 200
_FAILURE_CAP = 2000  # characters of a failure's text


def content_of(result: dict[str, JSON]) -> str | TextWithFiles:
    """Return a result as text, with its pictures, sounds and other files if it has any.

    Texts are as they are, other content is a note, structured content counts only if it is alone.

    Raises:
        ToolExecutionError: `tool_failed`: the server reports that the tool failed, or wants input from the user.
            `detail` has the server's own words, which are for the log only.
    """
    kind = result.get("resultType", "complete")
    if kind != "complete":
        text = "the MCP server wants input from its user, which is not offered"
        raise ToolExecutionError(text if kind == "input_required" else f"the MCP server gave a result of type {kind!r}")
    blocks = result.get("content")
    files = _Files()
    texts = [_block(block, files) for block in blocks[:MAX_BLOCKS]] if isinstance(blocks, list) else []
    if isinstance(blocks, list) and len(blocks) > MAX_BLOCKS:
        texts.append(f"[{len(blocks) - MAX_BLOCKS} more parts are not shown]")
    text = "\n".join(texts)
    if not texts and result.get("structuredContent") is not None:
        text = msgspec.json.encode(result["structuredContent"]).decode()
    if result.get("isError") is True:
        shown = shown_failure(text)[:_FAILURE_CAP]
        raise ToolExecutionError(shown or "the tool failed and did not say why", detail=text)
    return TextWithFiles(text, tuple(files.kept)) if files.kept else text


class _Files:
    """The files of one result, as far as they fit."""

    def __init__(self) -> None:
        self.kept: list[ToolFile] = []
        self._size = 0

    def add(self, data: Any, name: str) -> bool:
        """Keep a file, given as base64. Returns whether it is kept."""
        if not isinstance(data, str) or not data or len(self.kept) >= MOST_FILES:
            return False
        if self._size + len(data) * 3 // 4 > MOST_BYTES:
            return False
        try:
            file = ToolFile(base64.b64decode(data, validate=True), name)
        except binascii.Error:
            return False
        self.kept.append(file)
        self._size += len(file.data)
        return True


def _block(block: Any, files: _Files) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": ("image" | "audio") as kind, **rest}:
            return _note(kind, rest.get("mimeType"), rest.get("data"), files)
        case {"type": "resource_link", "uri": str(uri), **rest}:
            return f"[resource {str(rest.get('name', ''))[:200]} {uri[:1000]}]"
        case {"type": "resource", "resource": {"text": str(text), **rest}}:
            return f"[resource {str(rest.get('uri', ''))[:1000]}]\n{text}"
        case {"type": "resource", "resource": {"blob": blob, **rest}}:
            uri = str(rest.get("uri", ""))[:1000]
            return _note(f"resource {uri}", rest.get("mimeType"), blob, files, uri.rpartition("/")[2][:200])
    return "[a part of a kind that is not known here]"


def _note(what: str, mime_type: Any, data: Any, files: _Files, name: str = "") -> str:
    size = len(data) * 3 // 4 - data[-2:].count("=") if isinstance(data, str) else 0
    kind = f" of type {mime_type[:100]}" if isinstance(mime_type, str) else ""
    kept = files.add(data, name)
    return f"[{what}{kind}, {size} bytes]" if kept else f"[{what}{kind}, {size} bytes: not shown]"
