"""Extracts tool arguments from a user's sentence, guided by a JSON Schema and without a model."""

from __future__ import annotations

import re
from typing import Any

from journeyman.events.messages import JSON
from journeyman.llm.offline.known_names import known_names, spoken
from journeyman.llm.offline.schema_sample import MAX_DEPTH, Schema, kind_of, resolved_schema, smallest_value

Missing = dict[tuple[str, ...], Schema]  # the path of an argument within objects -> its schema
_NOT_FOUND: Any = object()

_QUOTED = re.compile(
    r"[\"\u201c\u201d]([^\"\u201c\u201d]+)[\"\u201c\u201d]"
    r"|(?<!\w)['\u2018]([^'\u2019]+)['\u2019](?!\w)"
    r"|`([^`]+)`"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+")
_TIME_ZONE = re.compile(r"\b[A-Z][A-Za-z_]+/[A-Z][A-Za-z_/+-]+\b")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?")
_CODE = re.compile(r"\b(?=[\w-]*\d)[A-Za-z]{1,10}[-_]?\d[\w-]*\b")  # ORD-1042, user_7, X12
_NUMBERED = re.compile(r"(?:#|\b(?:no|nr|number|id|order|ticket|invoice|case)\b[.:]?\s*#?)\s*(\d+)\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?:^|_)(?:id|number|no|code|key|ref|reference|sku)$")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_AFTER_PREPOSITION = re.compile(r"\b(?:in|for|at|to|from|of|about|named|called)\s+([A-ZÄÖÜ]\w+(?:\s+[A-ZÄÖÜ]\w+)*)")
_ROLES = {  # the word before a value that tells what it is
    "from": re.compile(r"(?:^|_)(?:from|origin|source|start|departure|sender)(?:_|$)"),
    "to": re.compile(r"(?:^|_)(?:to|destination|target|goal|arrival|recipient)(?:_|$)"),
}
_FREE_TEXT = re.compile(
    r"(?:^|_)(?:q|query|question|text|topic|subject|message|content|body|note|title|task|prompt|input|terms?|keywords?"
    r"|search|phrase|comment|reason)$"
)
_AFTER_LEAD = re.compile(r":\s+(\S.*)|\b(?:for|about|regarding|saying|that)\s+(\S.*)", re.IGNORECASE | re.DOTALL)
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
        """Return arguments for an object schema: all required ones, and the others that the sentence names.

        A required one that the sentence does not contain is made up. If it is free text, it is the whole sentence.
        """
        definitions = definitions if definitions is not None else schema.get("$defs") or schema.get("definitions") or {}
        filled = self._object(schema, definitions, MAX_DEPTH)
        return filled if isinstance(filled, dict) else {}

    def find(self, schema: Schema) -> tuple[dict[str, JSON], Missing]:
        """Return the arguments that the sentence contains, and the schemas of the required ones that it does not.

        Nothing is made up: a required argument with a default gets it.
        """
        definitions = schema.get("$defs") or schema.get("definitions") or {}
        found = self._properties(schema, definitions)
        missing: Missing = {}
        for name in schema.get("required") or ():
            one = resolved_schema((schema.get("properties") or {}).get(name), definitions)
            if _is_found(found.get(name, _NOT_FOUND)):
                continue
            if "default" in one:
                found[name] = one["default"]
            elif kind_of(one) == "object" and one.get("properties"):
                found[name], inner = self.find({"$defs": definitions, **one})
                missing |= {(name, *path): value for path, value in inner.items()}
            else:
                missing[name,] = one
        return {name: value for name, value in found.items() if _is_found(value)}, missing

    def _object(self, schema: Schema, definitions: Schema, depth: int) -> JSON:
        properties = schema.get("properties") or {}
        required = set(schema.get("required") or ())
        found = self._properties(schema, definitions)
        for name in sorted(required & properties.keys(), key=list(properties).index):
            if not _is_found(found[name]):
                one = resolved_schema(properties[name], definitions)
                found[name] = self._default(name, one, definitions, depth - 1)
        for name in required - properties.keys():
            found[name] = None
        return {
            name: found[name] for name in [*properties, *sorted(required - properties.keys())] if _is_found(found[name])
        }

    def _properties(self, schema: Schema, definitions: Schema) -> dict[str, Any]:
        """Return what the sentence has for each property: first what a word before it tells, then required ones."""
        properties = {name: resolved_schema(one, definitions) for name, one in (schema.get("properties") or {}).items()}
        required = {name for name in schema.get("required") or () if "default" not in properties.get(name, {})}
        names = {name: known_names(one, properties.values()) for name, one in properties.items()}
        found = {name: self._by_role(name, one, names[name]) for name, one in properties.items()}
        for name in sorted(properties, key=lambda name: name not in required):
            if not _is_found(found[name]):
                found[name] = self._find(name, properties[name], name in required, names[name])
        return {name: found[name] for name in properties}

    def _by_role(self, name: str, schema: Schema, names: tuple[str, ...]) -> Any:
        """Return what follows the word for the property's role: "to Rome" for a destination."""
        if kind_of(schema) != "string" or "const" in schema:
            return _NOT_FOUND
        for word, role in _ROLES.items():
            if role.search(name.lower()):
                known = "|".join(spoken(one) for one in sorted(names, key=len, reverse=True))
                known_value = self._first(re.compile(rf"\b{word}\s+({known})", re.IGNORECASE)) if known else _NOT_FOUND
                if _is_found(known_value):
                    return _as_named(known_value, names)
                if "enum" not in schema:
                    return self._first(re.compile(rf"\b(?i:{word})\s+([A-ZÄÖÜ][\w-]+(?:\s+[A-ZÄÖÜ][\w-]+)*)"))
        return _NOT_FOUND

    def _find(self, name: str, schema: Schema, required: bool, names: tuple[str, ...] = ()) -> JSON:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        match kind_of(schema):
            case "string":
                text = self._string(name.lower(), schema, required and not names)
                if _is_found(text) or not names:
                    return text
                known = self._known(names)
                return known if _is_found(known) or not required else self._string(name.lower(), schema, required)
            case "integer" | "number" as kind:
                return self._number(name, kind, required)
            case "boolean":
                return self._boolean(name)
            case "array" if required:
                return self._list(schema)
        return _NOT_FOUND

    def _choice(self, choices: list[JSON]) -> JSON:
        """Return the choice that the sentence has first."""
        said = {str(choice): choice for choice in choices if isinstance(choice, str | int | float)}
        known = self._known(tuple(said))
        return said[known] if _is_found(known) else _NOT_FOUND

    def _known(self, names: tuple[str, ...]) -> Any:
        """Return the name that the sentence has first, of those that were not used; of two there, the longer."""
        longest_first = sorted((name for name in names if name), key=len, reverse=True)
        if not longest_first:
            return _NOT_FOUND
        text = self._first(re.compile("|".join(map(spoken, longest_first)), re.IGNORECASE))
        return _as_named(text, names) if _is_found(text) else _NOT_FOUND

    def _string(self, name: str, schema: Schema, required: bool) -> JSON:
        form = schema.get("format", "")
        if name in ("expression", "formula", "calculation"):
            return arithmetic(self.text) or _NOT_FOUND
        if "email" in name or "mail" in name or form == "email":
            return self._first(_EMAIL)
        if name in ("url", "uri", "link", "address") or form in ("uri", "url"):
            return self._first(_URL)
        if "timezone" in name or "time_zone" in name:
            return self._first(_TIME_ZONE)
        if "date" in name or form.startswith("date"):
            return self._first(_DATE)
        said = re.escape(name.replace("_", " "))
        numbered = rf"\b{said}\s+#?([A-Za-z]*[-_]?\d[\w-]*)"  # "order 1042" for an argument `order`
        named = self._first(re.compile(rf"\b{said}\s*(?:is|=|:)\s*([^\s,;.?!]+)", re.I), re.compile(numbered, re.I))
        if _is_found(named):
            return named
        if _IDENTIFIER.search(name):
            code = self._first(_CODE)
            return code if _is_found(code) else self._first(_NUMBERED, _NUMBER)
        quoted = self._first(_QUOTED)
        if _is_found(quoted) or not required:
            return quoted
        if _FREE_TEXT.search(name):
            return self._rest_of_sentence()
        return self._first(_AFTER_PREPOSITION)

    def _rest_of_sentence(self) -> Any:
        """Return what follows a colon or a word such as "about", without the punctuation at its end."""
        rest = self._first(_AFTER_LEAD)
        return rest.strip().rstrip(".?!") or _NOT_FOUND if _is_found(rest) else _NOT_FOUND

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
        choices = items.get("enum") if isinstance(items, dict) else None
        found: list[JSON] = []
        limit = min(int(schema.get("maxItems") or 16), 16)
        while len(found) < limit:
            if choices:
                item = self._choice(choices)
            elif kind in ("integer", "number"):
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


def _as_named(text: str, names: tuple[str, ...]) -> str:
    """Return the name that a part of the sentence means, as the schema writes it."""
    return next((name for name in names if re.fullmatch(spoken(name), text, re.IGNORECASE)), text)


def _is_found(value: Any) -> bool:
    return value is not _NOT_FOUND
