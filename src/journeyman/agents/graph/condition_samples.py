"""Tries the condition of an edge on sample states at load time, to find one that can never be evaluated. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import msgspec

from journeyman.agents.conditions import ConditionError
from journeyman.agents.graph.edge_conditions import ConditionView, EdgeCondition
from journeyman.events.messages import JSON, ToolCall, assistant, user

MAX_SAMPLES = 2000  # tens of milliseconds for a condition that fails on each

_SAMPLED = re.compile(
    r"""(?<![\w.])(?:context\s*\.\s*(thread|global)|state\s*\.\s*(result)|[\w.\[\]]+\s*\.\s*(arguments))"""
    r"""((?:\s*\.\s*\w+\b(?!\s*\()|\s*\[\s*(?:"[^"]*"|'[^']*')\s*\])*)"""
)
_KEY = re.compile(r"""\w+|"[^"]*"|'[^']*'""")
_KINDS: tuple[JSON, ...] = (1, 0.5, "a", True, ["a"], {"a": 1}, None)
"""Sample values for parts without a schema: a context, the result of a node, the arguments of a call."""


def never_evaluates(condition: EdgeCondition) -> str | None:
    """Return why the condition can be evaluated on no sample state. None: it can on at least one."""
    reason = None
    for number, view in enumerate(_samples(condition.text)):
        if number >= MAX_SAMPLES:  # too many parts to try all their values, so it gets the benefit of the doubt
            return None
        try:
            condition.holds(view)
        except ConditionError as exc:
            reason = reason or exc.message
        else:
            return None
    return reason


def _samples(text: str) -> Iterator[ConditionView]:
    """Yield states with every combination of sample values at the paths that the text uses."""
    paths = sorted({_path(match) for match in _SAMPLED.finditer(text)})
    for kinds in itertools.product(_KINDS, repeat=len(paths)):
        parts: dict[str, JSON] = {"thread": {}, "global": {}, "arguments": {}, "result": None}
        for (root, *keys), value in zip(paths, kinds, strict=True):
            parts[root] = _with(parts[root], keys, value)
        yield from _states(parts)


def _path(match: re.Match[str]) -> tuple[str, ...]:
    root = next(group for group in match.groups()[:3] if group is not None)
    return (root, *(key.strip("\"'") for key in _KEY.findall(match.group(4))))


def _with(part: JSON, keys: list[str], value: JSON) -> JSON:
    """Return `part` with `value` at the path `keys`. What is deeper in it already stays."""
    if not keys:
        return part if isinstance(part, dict) and part else value
    inner = part if isinstance(part, dict) else {}
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
