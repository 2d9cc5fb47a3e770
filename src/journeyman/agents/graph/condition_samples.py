"""A condition tried on sample states when its agent is loaded, to find what can never be evaluated. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import msgspec

from journeyman.agents.conditions import ConditionError
from journeyman.agents.graph.edge_conditions import ConditionView, EdgeCondition
from journeyman.events.messages import JSON, ToolCall, assistant, user

MAX_SAMPLES = 2000  # tens of milliseconds for a condition that never gives an answer

_OPEN = re.compile(
    r"""(?<![\w.])(?:context\s*\.\s*(thread|global)|state\s*\.\s*(result)|[\w.\[\]]+\s*\.\s*(arguments))"""
    r"""((?:\s*\.\s*\w+\b(?!\s*\()|\s*\[\s*(?:"[^"]*"|'[^']*')\s*\])*)"""
)
_KEY = re.compile(r"""\w+|"[^"]*"|'[^']*'""")
_KINDS: tuple[JSON, ...] = (1, 0.5, "a", True, ["a"], {"a": 1}, None)
"""What may stand where nobody says what stands there: in a context, a node's result, a call's arguments."""


def never_evaluates(condition: EdgeCondition) -> str | None:
    """Why the condition gives true or false on no sample state; None if it does on one."""
    reason = None
    for number, seen in enumerate(_samples(condition.text)):
        if number >= MAX_SAMPLES:  # too many open parts to try them all: nothing is known against it
            return None
        try:
            condition.holds(seen)
        except ConditionError as exc:
            reason = reason or exc.message
        else:
            return None
    return reason


def _samples(text: str) -> Iterator[ConditionView]:
    """States whose open parts hold, at the paths that the text names, each kind of value in each combination."""
    paths = sorted({_path(found) for found in _OPEN.finditer(text)})
    for kinds in itertools.product(_KINDS, repeat=len(paths)):
        open_parts: dict[str, JSON] = {"thread": {}, "global": {}, "arguments": {}, "result": None}
        for (root, *keys), value in zip(paths, kinds, strict=True):
            open_parts[root] = _with(open_parts[root], keys, value)
        yield from _states(open_parts)


def _path(found: re.Match[str]) -> tuple[str, ...]:
    root = next(group for group in found.groups()[:3] if group is not None)
    return (root, *(key.strip("\"'") for key in _KEY.findall(found.group(4))))


def _with(held: JSON, keys: list[str], value: JSON) -> JSON:
    if not keys:
        return held if isinstance(held, dict) and held else value
    inner = held if isinstance(held, dict) else {}
    return {**inner, keys[0]: _with(inner.get(keys[0]), keys[1:], value)}


def _states(parts: dict[str, JSON]) -> Iterator[ConditionView]:
    thread, global_, arguments = (
        part if isinstance(part, dict) else {} for part in (parts["thread"], parts["global"], parts["arguments"])
    )
    calling = assistant("a", *(ToolCall(str(index), "a", _json(arguments)) for index in range(3)))
    for last in (calling, user("a")):
        yield ConditionView(last=last, result=parts["result"], steps=1, thread=thread, global_=global_)


def _json(value: JSON) -> str:
    return msgspec.json.encode(value).decode()
