"""The conditions of edges, and what they can read: a small view of one branch, not the whole thread. Pure.

`state.tool_calls`, `state.last_message`, `state.result`, `state.steps`, `state.visits`, `context.thread` and
`context.global`. Only what a condition reads is collected, so its cost does not grow with the thread.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec

from journeyman.agents.conditions import Condition, compile_condition
from journeyman.agents.spec import GraphSpec
from journeyman.errors import ValidationError
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON, Message

EDGE_NAMES = frozenset({"state", "context"})

_LITERAL = re.compile(r"""[rRbB]*("{3}|'{3}|"|')(?:\\.|(?!\1).)*\1""", re.DOTALL)
_STATE = re.compile(r"(?<![\w.])state\b(?:\s*\.\s*(\w+))?")
_CONTEXT = re.compile(r"(?<![\w.])context\b(?:\s*\.\s*(thread|global)\b(?:\s*\.\s*(\w+)\b(?!\s*\())?)?")
_VISITS = re.compile(r"""\bstate\s*\.\s*visits\s*(?:\.\s*(\w+)\b(?!\s*\()|\[\s*(?:"([^"]*)"|'([^']*)')\s*\])""")


class ConditionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a condition can read of one branch of a run, at the moment when it leaves a node."""

    last: Message | None = None  # the newest message that the branch sees
    result: JSON = None  # of the node that is left
    steps: int = 0  # model calls of the run
    visits: Mapping[str, int] = {}  # node -> how often it was entered in this run; absent: 0
    thread: Mapping[str, JSON] = {}
    global_: Mapping[str, JSON] = {}


def condition_view(
    state: AgentState, last: Message | None = None, result: JSON = None, visits: Mapping[str, int] | None = None
) -> ConditionView:
    """Return the view of a branch whose newest message is `last`, as it leaves a node with this `result`."""
    return ConditionView(
        last=last,
        result=result,
        steps=state.model_calls,
        visits=visits or {},
        thread=state.thread_context,
        global_=state.global_context,
    )


class EdgeCondition:
    """A compiled `when`. `reads` are the paths that it uses, such as `state.steps`."""

    def __init__(self, condition: Condition, reads: Sequence[str], nodes: Collection[str]) -> None:
        self.text = condition.text
        self.reads = tuple(reads)
        self._condition = condition
        self._setters = tuple(_setter(path, nodes) for path in reads)

    def holds(self, view: ConditionView) -> bool:
        """Return whether the condition is true. Raises ConditionError if the result is not a boolean."""
        return self._condition.holds(self.values(view))

    def values(self, view: ConditionView) -> dict[str, dict[str, JSON]]:
        """Return the values for the evaluation: only those that the condition reads."""
        values: dict[str, dict[str, JSON]] = {"state": {}, "context": {"thread": {}, "global": {}}}
        for set_value in self._setters:
            set_value(values, view)
        return values


def edge_conditions(graph: GraphSpec) -> tuple[EdgeCondition | None, ...]:
    """Compile the conditions of a graph's edges, in their order. None: an edge without. Raises as `compile_edge`."""
    nodes = [node.name for node in graph.nodes]
    return tuple(compile_edge(edge.when, nodes) if edge.when is not None else None for edge in graph.edges)


def compile_edge(text: str, nodes: Collection[str]) -> EdgeCondition:
    """Compile the `when` of an edge in a graph of these `nodes`.

    Raises ValidationError for a syntax error, an unknown name, function, field of `state`, or node in `state.visits`.
    """
    condition = compile_condition(text, EDGE_NAMES)
    bare = _LITERAL.sub('""', text)
    fields = sorted({_field(text, found) for found in _STATE.finditer(bare)})
    if "visits" in fields:
        for found in _VISITS.finditer(text):
            _check_known(text, "node", next(name for name in found.groups() if name is not None), nodes)
    reads = [f"state.{field}" for field in fields] + _contexts(text, bare)
    return EdgeCondition(condition, reads, nodes)


def _field(text: str, found: re.Match[str]) -> str:
    name = found.group(1)
    if name is None:
        fields = ", ".join(f"state.{each}" for each in _STATES)
        raise ValidationError(
            f"The condition {text!r} uses `state` as a whole; write one of {fields}", code="invalid_condition"
        )
    _check_known(text, "field of state", name, _STATES)
    return name


def _check_known(text: str, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
        raise ValidationError(
            f"The condition {text!r} uses the unknown {kind} {name!r}; {hint}", code="invalid_condition"
        )


def _contexts(text: str, bare: str) -> list[str]:
    """Return the paths of the context that are read. A key is left out if its whole scope is read."""
    reads: set[str] = set()
    for found in _CONTEXT.finditer(bare):
        scope, key = found.groups()
        if scope is None:
            raise ValidationError(
                f"The condition {text!r} uses `context` as a whole; write context.thread or context.global",
                code="invalid_condition",
            )
        reads.add(f"context.{scope}.{key}" if key else f"context.{scope}")
    whole = {path for path in reads if path.count(".") == 1}
    return sorted(path for path in reads if path in whole or path.rpartition(".")[0] not in whole)


_Values = dict[str, dict[str, JSON]]
_Setter = Callable[[_Values, ConditionView], None]


def _setter(path: str, nodes: Collection[str]) -> _Setter:
    """Return a function that adds the value at `path` of a view to the values."""
    root, field, *key = path.split(".")
    if root == "state":
        read = partial(_visits, nodes) if field == "visits" else _STATES[field]
        return partial(_set_state, field, read)
    return partial(_set_context, field, key[0]) if key else partial(_set_scope, field)


def _set_state(field: str, read: Callable[[ConditionView], JSON], values: _Values, view: ConditionView) -> None:
    values["state"][field] = read(view)


def _set_scope(scope: str, values: _Values, view: ConditionView) -> None:
    values["context"][scope] = dict(view.thread if scope == "thread" else view.global_)


def _set_context(scope: str, key: str, values: _Values, view: ConditionView) -> None:
    context = view.thread if scope == "thread" else view.global_
    if key in context:
        values["context"][scope][key] = context[key]


def _tool_calls(view: ConditionView) -> JSON:
    """Return the tool calls of the newest message, if they did not run yet. Invalid arguments become `{}`."""
    if view.last is None or view.last.role != "assistant":
        return []
    return [{"name": call.name, "arguments": _arguments(call.arguments)} for call in view.last.tool_calls]


def _arguments(text: str) -> dict[str, JSON]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _last_message(view: ConditionView) -> JSON:
    if view.last is None:
        return {"role": "", "text": ""}
    return {"role": view.last.role, "text": view.last.text}


def _result(view: ConditionView) -> JSON:
    return view.result


def _steps(view: ConditionView) -> JSON:
    return view.steps


def _visits(nodes: Collection[str], view: ConditionView) -> JSON:
    return {**dict.fromkeys(nodes, 0), **view.visits}


_STATES: Mapping[str, Callable[[ConditionView], JSON]] = {
    "last_message": _last_message,
    "result": _result,
    "steps": _steps,
    "tool_calls": _tool_calls,
    "visits": partial(_visits, ()),
}
