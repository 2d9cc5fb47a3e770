"""Checks what a test expects of a run against the events of the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from journeyman.agent_tests.comparison import Difference
from journeyman.agent_tests.file import AtMostEntry, CallEntry, ExpectEntry, TextEntry
from journeyman.events.events import Event, ModelReplied, ToolCallFinished, ToolCallStarted
from journeyman.events.fold import AgentState
from journeyman.events.messages import JSON

MAX_TEXT = 200  # characters of a text that are shown


class RequestedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call that the model requested. `arguments` are those of its execution, or else of the request."""

    tool: str
    arguments: JSON
    finished: ToolCallFinished | None = None

    @property
    def text(self) -> str:
        """The call as `tool(arguments)`."""
        return f"{self.tool}({msgspec.json.encode(self.arguments).decode()})"


def calls_of(events: Sequence[Event]) -> list[RequestedCall]:
    """Return the tool calls of a run in the order in which the model requested them."""
    started = {event.call: event.arguments for event in events if isinstance(event, ToolCallStarted)}
    finished = {event.call: event for event in events if isinstance(event, ToolCallFinished)}
    calls = []
    for event in events:
        for index, call in enumerate(event.message.tool_calls if isinstance(event, ModelReplied) else ()):
            name = f"{event.call}.{index}"  # type: ignore[union-attr]
            arguments = started.get(name, _decoded(call.arguments))
            calls.append(RequestedCall(tool=call.name, arguments=arguments, finished=finished.get(name)))
    return calls


def _decoded(arguments: str) -> JSON:
    try:
        return msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return arguments


def failed_expectations(expect: ExpectEntry, state: AgentState, events: Sequence[Event]) -> Iterator[Difference]:
    """Return a difference for each expectation that the run does not meet."""
    if expect.status is not None and state.status != expect.status:
        yield Difference(f"status: expected {expect.status}; the run is {state.status}{_reason(state)}")
    if expect.text is not None:
        yield from _text_differences("text", expect.text, state.output)
    if expect.stopped_by is not None and state.stopped_by != expect.stopped_by:
        yield Difference(f"stopped_by: expected {expect.stopped_by}; it was {state.stopped_by or 'no limit'}")
    if expect.error is not None and (state.error is None or state.error.code != expect.error):
        yield Difference(f"error: expected {expect.error}; it was {state.error.code if state.error else 'none'}")
    if expect.calls is not None:
        yield from _calls(expect, calls_of(events))
    yield from _limits(expect.limits, state)


def _reason(state: AgentState) -> str:
    return f": {state.error.message} [{state.error.code}]" if state.error else ""


def _text_differences(name: str, expect: TextEntry, text: str) -> Iterator[Difference]:
    shown = f"it is {msgspec.json.encode(text[:MAX_TEXT]).decode()}"
    if expect.exact is not None and text != expect.exact:
        yield Difference(f"{name}: expected {msgspec.json.encode(expect.exact).decode()}; {shown}")
    for part in expect.contains:
        if part not in text:
            yield Difference(f"{name}: expected it to contain {part!r}; {shown}")
    for part in expect.excludes:
        if part in text:
            yield Difference(f"{name}: expected it not to contain {part!r}; {shown}")
    if expect.regex is not None and not re.search(expect.regex, text):
        yield Difference(f"{name}: expected it to match {expect.regex!r}; {shown}")


def _limits(limits: AtMostEntry, state: AgentState) -> Iterator[Difference]:
    used = {
        "steps": state.model_calls,
        "tool_calls": state.tool_calls,
        "tokens": state.usage.input_tokens + state.usage.output_tokens,
        "cost_usd": state.usage.cost_usd or 0.0,
    }
    for name, value in used.items():
        limit = getattr(limits, name)
        if limit is not None and value > limit:
            yield Difference(f"limits.{name}: expected at most {limit:g}; it was {value:g}")


# --- calls


def _calls(expect: ExpectEntry, calls: list[RequestedCall]) -> Iterator[Difference]:
    wanted = expect.calls or []
    match expect.order:
        case "exact":
            yield from _compare_exactly(wanted, calls)
        case "any":
            yield from _compare_in_any_order(wanted, calls)
        case "contains":
            yield from _compare_subsequence(wanted, calls)


def missing_tools(expect: ExpectEntry | None, events: Sequence[Event]) -> Iterator[Difference]:
    """Return a difference for each call of a tool that the agent does not have, unless the test expects that error."""
    expected = {entry.tool for entry in (expect and expect.calls) or [] if entry.error == "tool_not_found"}
    for call in calls_of(events):
        error = call.finished.error if call.finished is not None else None
        if error is not None and error.code == "tool_not_found" and call.tool not in expected:
            yield Difference(f"calls: {call.text} was not run: {error.message} [tool_not_found]")


def _compare_exactly(wanted: Sequence[CallEntry], calls: Sequence[RequestedCall]) -> Iterator[Difference]:
    for index, (entry, call) in enumerate(zip(wanted, calls, strict=False)):
        if reasons := tuple(_mismatches(entry, call)):
            yield Difference(f"calls[{index}]: expected {entry.tool}; it was {call.text}", reasons)
    for index, entry in enumerate(wanted[len(calls) :], len(calls)):
        yield Difference(f"calls[{index}]: expected {entry.tool}; there was no such call")
    for call in calls[len(wanted) :]:
        yield Difference(f"calls: {call.text} was not expected")


def _compare_in_any_order(wanted: Sequence[CallEntry], calls: Sequence[RequestedCall]) -> Iterator[Difference]:
    left = list(calls)
    for index, entry in enumerate(wanted):
        found = next((call for call in left if not any(_mismatches(entry, call))), None)
        if found is None:
            yield Difference(f"calls[{index}]: expected {entry.tool}; no such call is left", _call_list(left))
        else:
            left.remove(found)
    for call in left:
        yield Difference(f"calls: {call.text} was not expected")


def _compare_subsequence(wanted: Sequence[CallEntry], calls: Sequence[RequestedCall]) -> Iterator[Difference]:
    rest = iter(calls)
    for index, entry in enumerate(wanted):
        if not any(not any(_mismatches(entry, call)) for call in rest):
            yield Difference(
                f"calls[{index}]: expected {entry.tool}, after those before it; it is not there", _call_list(calls)
            )
            return


def _call_list(calls: Sequence[RequestedCall]) -> tuple[str, ...]:
    return tuple(f"there is {call.text}" for call in calls) or ("there was no call",)


def _mismatches(entry: CallEntry, call: RequestedCall) -> Iterator[str]:
    if entry.tool != call.tool:
        yield f"tool: {call.tool}"
        return
    if entry.arguments is not None and not _contains(entry.arguments, call.arguments):
        yield f"arguments: expected {msgspec.json.encode(entry.arguments).decode()}"
    finished = call.finished
    if entry.error is not None and (finished is None or finished.error is None or finished.error.code != entry.error):
        yield f"error: expected {entry.error}; it was {finished.error.code if finished and finished.error else 'none'}"
    if entry.result is not None:
        result = finished.result if finished and finished.result is not None else ""
        yield from (difference.what for difference in _text_differences("result", entry.result, result))
        if entry.error is None and finished is not None and finished.error is not None:
            yield f"error: {finished.error.message} [{finished.error.code}]"


def _contains(wanted: JSON, given: JSON) -> bool:
    """Return whether the given value has everything that is wanted; objects may have more keys."""
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(
            key in given and _contains(item, given[key]) for key, item in wanted.items()
        )
    return bool(wanted == given)
