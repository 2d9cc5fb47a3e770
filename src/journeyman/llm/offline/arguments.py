"""Extracts tool arguments from a user's sentence, guided by a JSON Schema and without a model."""

from __future__ import annotations

import re
from typing import Any

from journeyman.events.messages import JSON
from journeyman.llm.offline.schema_sample import MAX_DEPTH, Schema, kind_of, resolved_schema, smallest_value

_NOT_FOUND: Any = object()

_QUOTED = re.compile(
    r"[\"\u201c\u201d]([^\"\u201c\u201d]+)[\"\u201c\u201d]"
    r"|(?<!\w)['\u2018]([^'\u2019]+)['\u2019](?!\w)"
    r"|`([^`]+)`"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?")
_CODE = re.compile(r"\b(?=[\w-]*\d)[A-Za-z]{1,10}[-_]?\d[\w-]*\b")  # ORD-1042, user_7, X12
_NUMBERED = re.compile(r"(?:#|\b(?:no|nr|number|id|order|ticket|invoice|case)\b[.:]?\s*#?)\s*(\d+)\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?:^|_)(?:id|number|no|code|key|ref|reference|sku)$")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_AFTER_PREPOSITION = re.compile(r"\b(?:in|for|at|to|from|of|about|named|called)\s+([A-ZÄÖÜ]\w+(?:\s+[A-ZÄÖÜ]\w+)*)")
_ARITHMETIC = re.compile(r"[\d.()][\d.\s+*/()%^-]*[\d.)]")
_SPOKEN_OPERATORS = (
    (re.compile(r"\bdivided by\b|\u00f7", re.IGNORECASE), "/"),
    (re.compile(r"\bmultiplied by\b|\btimes\b|\u00d7|(?<=\d)\s*x\s*(?=\d)", re.IGNORECASE), "*"),
    (re.compile(r"\bplus\b", re.IGNORECASE), "+"),
    (re.compile(r"\bminus\b|(?<=\d)\s*\u2212\s*(?=\d)", re.IGNORECASE), "-"),
    (re.compile(r"\bto the power of\b", re.IGNORECASE), "**"),
)
_CONSTRAINTS = frozenset(("default", "enum", "const", "format", "pattern", "maxLength", "examples"))


def arithmetic(text: str) -> str | None:
    """Return the first arithmetic expression in a sentence, such as `12*(3+4)`. None: there is none."""
    text = _DATE.sub(" ", text)
    for pattern, sign in _SPOKEN_OPERATORS:
        text = pattern.sub(sign, text)
    for match in _ARITHMETIC.finditer(text):
        expression = match.group().strip().rstrip(".")
        while expression.count("(") > expression.count(")") and expression.startswith("("):
            expression = expression[1:].strip()
        while expression.count(")") > expression.count("(") and expression.endswith(")"):
            expression = expression[:-1].strip()
        if re.search(r"\d\s*[)]*\s*[-+*/%^]+\s*[(]*\s*-?[\d.]", expression):
            return expression.replace("^", "**")
    return None


class TextArguments:
    """The arguments that a sentence contains; each part of it is used once, in the order of the sentence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._used: list[tuple[int, int]] = []

    def fill(self, schema: Schema, definitions: Schema | None = None) -> dict[str, JSON]:
        """Return arguments for an object schema: all required ones, and the others that the sentence names."""
        definitions = definitions if definitions is not None else schema.get("$defs") or schema.get("definitions") or {}
        filled = self._object(schema, definitions, MAX_DEPTH)
        return filled if isinstance(filled, dict) else {}

    def _object(self, schema: Schema, definitions: Schema, depth: int) -> JSON:
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        found = {}
        for name in sorted(properties, key=lambda name: name not in required):
            found[name] = self._find(name, resolved_schema(properties[name], definitions), name in required)
            if found[name] is _NOT_FOUND and name in required:
                found[name] = self._default(
                    name, resolved_schema(properties[name], definitions), definitions, depth - 1
                )
        for name in required - properties.keys():
            found[name] = None
        return {
            name: found[name] for name in [*properties, *sorted(required - properties.keys())] if _is_found(found[name])
        }

    def _find(self, name: str, schema: Schema, required: bool) -> JSON:
        for choice in schema.get("enum") or ():
            if isinstance(choice, str) and (word := re.search(rf"\b{re.escape(choice)}\b", self.text, re.IGNORECASE)):
                self._mark_used(word)
                return choice
        if "enum" in schema or "const" in schema:
            return schema.get("const", _NOT_FOUND)
        match kind_of(schema):
            case "string":
                return self._string(name.lower(), schema, required)
            case "integer" | "number" as kind:
                return self._number(name, kind, required)
            case "boolean":
                return self._boolean(name)
            case "array" if required:
                return self._list(schema)
        return _NOT_FOUND

    def _string(self, name: str, schema: Schema, required: bool) -> JSON:
        form = schema.get("format", "")
        if name in ("expression", "formula", "calculation"):
            return arithmetic(self.text) or _NOT_FOUND
        if "email" in name or "mail" in name or form == "email":
            return self._first(_EMAIL)
        if name in ("url", "uri", "link", "address") or form in ("uri", "url"):
            return self._first(_URL)
        if "date" in name or form.startswith("date"):
            return self._first(_DATE)
        named = self._first(re.compile(rf"\b{re.escape(name.replace('_', ' '))}\s*(?:is|=|:)\s*([^\s,;.?!]+)", re.I))
        if _is_found(named):
            return named
        if _IDENTIFIER.search(name):
            code = self._first(_CODE)
            return code if _is_found(code) else self._first(_NUMBERED, _NUMBER)
        quoted = self._first(_QUOTED)
        if _is_found(quoted) or not required:
            return quoted
        return self._first(_AFTER_PREPOSITION)

    def _number(self, name: str, kind: str, required: bool) -> JSON:
        spoken = re.escape(name.replace("_", " "))
        number = r"\$?\s*(-?\d+(?:\.\d+)?)\b"
        near = re.compile(rf"\b{spoken}\b\W*(?:is|of|=|:|to)?\s*{number}|(-?\d+(?:\.\d+)?)\s*{spoken}\b", re.IGNORECASE)
        text = self._first(near)
        if not _is_found(text) and required:
            text = self._first(_NUMBER)
        if not _is_found(text):
            return _NOT_FOUND
        value = float(text)
        return int(value) if kind == "integer" or value.is_integer() else value

    def _boolean(self, name: str) -> JSON:
        spoken = re.escape(name.replace("_", " "))
        if re.search(rf"\b(?:not?|without|don't|never)\s+{spoken}\b|\b{spoken}\W+(?:no|false|off)\b", self.text, re.I):
            return False
        return True if re.search(rf"\b{spoken}\b", self.text, re.I) else _NOT_FOUND

    def _list(self, schema: Schema) -> JSON:
        items = schema.get("items") or {}
        kind = kind_of(items) if isinstance(items, dict) else "string"
        found: list[JSON] = []
        limit = min(int(schema.get("maxItems") or 16), 16)
        while len(found) < limit:
            if kind in ("integer", "number"):
                item = self._number("", kind, True)
            else:
                item = self._first(_QUOTED, _CODE) if kind == "string" else _NOT_FOUND
            if not _is_found(item):
                break
            found.append(item)
        return found if len(found) >= int(schema.get("minItems") or 0) and found else _NOT_FOUND

    def _default(self, name: str, schema: Schema, definitions: Schema, depth: int) -> JSON:
        if kind_of(schema) == "object" and depth > 0 and "default" not in schema:
            return self._object(schema, definitions, depth)
        free = kind_of(schema) == "string" and not _CONSTRAINTS & schema.keys() and not _IDENTIFIER.search(name.lower())
        if free and self.text.strip():
            return self.text.strip()
        return smallest_value(schema, definitions, depth)

    def _first(self, *patterns: re.Pattern[str]) -> Any:
        for pattern in patterns:
            for match in pattern.finditer(self.text):
                if not any(start < match.end() and match.start() < end for start, end in self._used):
                    self._mark_used(match)
                    return next((group for group in match.groups() if group), match.group())
        return _NOT_FOUND

    def _mark_used(self, match: re.Match[str]) -> None:
        self._used.append(match.span())


def _is_found(value: Any) -> bool:
    return value is not _NOT_FOUND
