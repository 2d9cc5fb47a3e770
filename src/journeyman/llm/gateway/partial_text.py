"""The text of a reply while its pieces arrive, and the content parts that are not text. Pure."""

from __future__ import annotations

from journeyman.events.messages import JSON, valid_text
from journeyman.llm.gateway.opaque_fields import merged_list

_TEXT_TYPES = (None, "text", "output_text", "refusal")


class PartialText:
    """The text so far. `pieces` are valid and ready to show."""

    __slots__ = ("_held", "_of_deltas", "_parts", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._held = ""  # the first half of a surrogate pair
        self._of_deltas = False
        self._parts: list[JSON] | None = None

    def __bool__(self) -> bool:
        return bool(self.pieces or self._held or self._parts)

    @property
    def has_parts(self) -> bool:
        """Whether it has content parts that are not text."""
        return self._parts is not None

    @property
    def parts(self) -> list[JSON] | None:
        """The content as the provider wrote it; None if it is only text."""
        return self._parts

    def add(self, content: JSON) -> None:
        """Add the content of a delta: a text or a list of parts."""
        self._of_deltas = True
        if type(content) is str and self._parts is None:
            self._text(content)
        else:
            self._add(content)

    def add_whole(self, content: JSON) -> None:
        """Add the content of a complete message. It is left out after deltas, and joined only as far as it is new."""
        if self._of_deltas:
            return
        shown = "".join(self.pieces)
        if isinstance(content, str) and shown and content.startswith(shown):
            content = content[len(shown) :]
        self._add(content)

    def complete(self) -> str:
        """Return the text of a reply that has ended."""
        if self._held:
            self.pieces.append(valid_text(self._held))
            self._held = ""
        text = "".join(self.pieces)
        self.pieces[:] = (text,)  # a long text is not kept twice
        return text

    def _add(self, content: JSON) -> None:
        if isinstance(content, str):
            if self._parts is not None:
                self._parts = merged_list(self._parts, [{"type": "text", "text": content}])
            self._text(content)
        elif isinstance(content, list):
            self._list(content)
        elif isinstance(content, dict):
            self._list([content])

    def _list(self, parts: list[JSON]) -> None:
        if self._parts is None and not all(map(_is_plain, parts)):
            said = "".join(self.pieces)
            self._parts = [{"type": "text", "text": said}] if said else []
        if self._parts is not None:
            self._parts = merged_list(self._parts, parts) if self._parts else parts
        for part in parts:
            self._text(_part_text(part))

    def _text(self, text: str) -> None:
        if self._held:
            text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held, text = text[-1], text[:-1]
        if text := valid_text(text):
            self.pieces.append(text)


def content_text(content: JSON) -> str:
    """Return the text of a content: a string, null, or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(map(_part_text, content)) if isinstance(content, list) else ""


def _part_text(part: JSON) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type") not in _TEXT_TYPES:
        return ""
    text = part.get("text") or part.get("refusal")
    return text if isinstance(text, str) else ""


def _is_plain(part: JSON) -> bool:
    """Return whether nothing is lost if only the part's text is kept."""
    return isinstance(part, str) or (
        isinstance(part, dict) and part.keys() <= {"type", "text"} and part.get("type") in _TEXT_TYPES
    )
