"""Explains a run in sentences: why it asked, waited, retried, stopped, and what it cost. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import singledispatchmethod
from typing import Final, Literal

import msgspec

from journeyman.events.amounts import duration_text
from journeyman.events.events import (
    ApprovalGiven,
    ApprovalRequested,
    BudgetWarned,
    CancelRequested,
    Event,
    HistorySummarized,
    LimitReached,
    ModelCalled,
    ModelReplied,
    NodeEntered,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunForked,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import Usage
from journeyman.runtime.served.lacks import sentence_of

Kind = Literal["began", "asked", "answered", "waited", "resumed", "retried", "refused", "cost", "stopped"]
MOST: Final = 400  # sentences of one run: the first half and the last half of them are kept
_LONG_WAIT: Final = 500_000  # µs before the first step, from which on the wait is worth a sentence
_LONGEST_QUOTE: Final = 300  # characters

_CANCELS = {
    "requested": "{by} cancelled it.",
    "disconnected": "It was cancelled, since the client that waited for it went away.",
    "interrupted": "It was cancelled, since a later message on its thread interrupted it.",
    "erased": "It was cancelled, since its thread was erased.",
    "parent_ended": "It was cancelled, since the run that had started it ended.",
}
_RESUMES = {
    "answered": "It went on{after}: what it had asked was answered.",
    "taken_over": "The server had stopped during the run. The next start took it over and went on{after}.",
    "found": "It went on{after}: what it lacked was here.",
}
_REPLIES = {
    "length": "The reply {call} was cut off at the model's limit of tokens.",
    "content_filter": "The reply {call} was stopped by the model's content filter.",
    "empty": "The reply {call} was empty: the model said nothing and called nothing.",
    "unknown": "The reply {call} ended without a reason that is known, so it may be incomplete.",
}


class Explanation(msgspec.Struct, frozen=True):
    """A sentence about a run, with the seq of the event that it is about."""

    kind: Kind
    sentence: str
    seq: int


class Explanations(msgspec.Struct, frozen=True):
    """The sentences of a run in the order of their events, and how many of the middle were left out."""

    items: tuple[Explanation, ...]
    left_out: int = 0


def explain(events: Iterable[tuple[int, int, Event]], conditions: Mapping[str, str] | None = None) -> Explanations:
    """Explain a run by its events `(seq, at, event)`; `at` is in µs since the epoch.

    `conditions` are the conditions under which tools ask, by the tools' names.
    """
    story = _Story(conditions or {})
    for seq, at, event in events:
        story.tell(seq, at, event)
    found = story.told
    if len(found) <= MOST:
        return Explanations(tuple(found))
    half = MOST // 2
    return Explanations((*found[:half], *found[-half:]), len(found) - MOST)


class _Story:
    """What has been told so far, and what later sentences refer to."""

    def __init__(self, conditions: Mapping[str, str]) -> None:
        self.told: list[Explanation] = []
        self._conditions = conditions
        self._seq = 0
        self._at = 0
        self._accepted_at = 0
        self._paused_at: int | None = None
        self._asked: dict[str, tuple[int, ApprovalRequested]] = {}  # by approval: when, and what
        self._interrupted = False  # the last resume took the run over
        self._usage = Usage()
        self._replies = 0
        self._dearest: tuple[int, int, str] = (0, 0, "")  # tokens, seq, call

    def tell(self, seq: int, at: int, event: Event) -> None:
        """Add the sentences of the next event."""
        self._seq, self._at = seq, at
        self._tell(event)

    def _say(self, kind: Kind, sentence: str, seq: int | None = None) -> None:
        self.told.append(Explanation(kind, sentence, self._seq if seq is None else seq))

    @singledispatchmethod
    def _tell(self, event: Event) -> None:
        """Tell nothing: most events need no explanation."""

    @_tell.register
    def _(self, event: RunAccepted) -> None:
        self._accepted_at = self._at
        if event.retries is not None:
            self._say("began", f"It retries the run {event.retries}, from before its failure.")
        if event.parent is not None:
            self._say("began", f"The run {event.parent.run_id} started it, in its step {event.parent.call}.")

    @_tell.register
    def _(self, event: RunForked) -> None:
        self._say("began", f"It is a fork of the run {event.parent}, which it repeats up to its event {event.at}.")

    @_tell.register
    def _(self, event: RunStarted) -> None:
        waited = self._at - self._accepted_at
        if self._accepted_at and waited >= _LONG_WAIT:
            self._say("waited", f"It waited {_span(waited)} for its thread to be free, or for a free slot.")

    @_tell.register
    def _(self, event: ApprovalRequested) -> None:
        self._asked[event.approval] = (self._at, event)
        who = " Somebody else than who started the run must answer." if event.answerer == "other" else ""
        self._say("asked", _ASKS[event.kind](event, self._conditions.get(event.tool, "")) + who)

    @_tell.register
    def _(self, event: ApprovalGiven) -> None:
        asked_at, asked = self._asked.get(event.approval, (self._at, None))
        about = f" for `{asked.tool}`" if asked is not None and asked.tool else ""
        if event.by == "deadline":
            text = f"No answer{about} came before the deadline, so its default `{event.decision}` was taken."
        else:
            edited = ", with other arguments" if event.arguments is not None else ""
            text = f"{event.by} answered `{event.decision}`{about}{edited}, after {_span(self._at - asked_at)}."
        self._say("answered", text)

    @_tell.register
    def _(self, event: RunPaused) -> None:
        self._paused_at = self._at
        if event.lacks is not None:
            self._say("waited", sentence_of(event.lacks))
        elif event.waiting_for:
            number = len(event.waiting_for)
            self._say("waited", f"It waits for {'an answer' if number == 1 else f'{number} answers'} of a human.")

    @_tell.register
    def _(self, event: RunResumed) -> None:
        after = f" after {_span(self._at - self._paused_at)}" if self._paused_at is not None else ""
        self._interrupted = event.reason == "taken_over"
        self._paused_at = None
        self._say("resumed", _RESUMES[event.reason].format(after=after))

    @_tell.register
    def _(self, event: ModelCalled) -> None:
        if event.attempt > 1:
            cause = "the server had stopped during the call" if self._interrupted else "the request was too long"
            self._say("retried", f"The model was asked again for {event.call} (attempt {event.attempt}): {cause}.")

    @_tell.register
    def _(self, event: ModelReplied) -> None:
        self._usage += event.usage
        self._replies += 1
        tokens = event.usage.input_tokens + event.usage.output_tokens
        self._dearest = max(self._dearest, (tokens, self._seq, event.call))
        if event.finish_reason in _REPLIES:
            self._say("stopped", _REPLIES[event.finish_reason].format(call=event.call))

    @_tell.register
    def _(self, event: HistorySummarized) -> None:
        self._usage += event.usage
        if event.error is not None:
            self._say(
                "refused", f"The thread's earlier messages could not be summarized: {_quote(event.error.message)}"
            )
        else:
            tokens = event.usage.input_tokens + event.usage.output_tokens
            self._say("cost", f"The thread was too long, so its earlier messages were summarized: {tokens} tokens.")

    @_tell.register
    def _(self, event: ToolCallStarted) -> None:
        if event.attempt > 1:
            cause = "the server had stopped during the call" if self._interrupted else "its outcome was not known"
            self._say("retried", f"`{event.tool}` ran again (attempt {event.attempt}): {cause}.")

    @_tell.register
    def _(self, event: ToolCallFinished) -> None:
        if event.cached:
            self._say("cost", f"`{event.tool}` did not run: its result came from the cache.")
        elif event.error is not None and event.attempts == 0:
            self._say("refused", f"`{event.tool}` did not run: {_quote(event.error.message)}")
        elif event.attempts > 1:
            end = "and failed" if event.error is not None else "until it succeeded"
            self._say("retried", f"`{event.tool}` was tried {event.attempts} times, {end}.")

    @_tell.register
    def _(self, event: NodeEntered) -> None:
        if event.attempt > 1 and event.child is None:
            cause = "the server had stopped in it" if self._interrupted else "it had failed"
            self._say("retried", f"The node `{event.path.node}` ran again (attempt {event.attempt}): {cause}.")

    @_tell.register
    def _(self, event: BudgetWarned) -> None:
        self._say("cost", f"Four fifths of the budget {event.budget} are used: {event.used:g} of {event.limit:g}.")

    @_tell.register
    def _(self, event: LimitReached) -> None:
        whose = f" of {event.budget}" if event.budget else ""
        then = " The model was asked once more, for an answer without tools." if event.then == "answer" else ""
        self._say("stopped", f"It reached the limit `{event.limit}`{whose}, {event.value:g}.{then}")

    @_tell.register
    def _(self, event: CancelRequested) -> None:
        self._say("stopped", _CANCELS.get(event.reason, _CANCELS["requested"]).format(by=event.by or "Somebody"))

    @_tell.register
    def _(self, event: RunFinished) -> None:
        if event.stopped_by == "denied":
            self._say("stopped", "It ended, since a human did not let it go on.")
        elif event.stopped_by is not None:
            self._say("stopped", f"It ended at its limit `{event.stopped_by}`.")
        else:
            self._say("stopped", "It ended, since the agent had its answer.")
        self._tell_cost()

    @_tell.register
    def _(self, event: RunFailed) -> None:
        self._say("stopped", f"It failed (`{event.error.code}`): {_quote(event.error.message)}")
        self._tell_cost()

    @_tell.register
    def _(self, event: RunCancelled) -> None:
        self._tell_cost()

    def _tell_cost(self) -> None:
        """Tell what all calls of models took, at the event of the dearest one."""
        if not self._replies:
            return
        usage = self._usage
        total = usage.input_tokens + usage.output_tokens
        dollars = f" and ${usage.cost_usd:.6g}" if usage.cost_usd is not None else ""
        cached = f", {usage.cached_tokens} of them cached" if usage.cached_tokens else ""
        calls = "1 model call" if self._replies == 1 else f"{self._replies} model calls"
        tokens, seq, call = self._dearest
        dearest = f" The dearest was {call}, with {tokens}." if self._replies > 1 else ""
        self._say("cost", f"It took {total} tokens{cached}{dollars} in {calls}.{dearest}", seq)


def _ask_tool(event: ApprovalRequested, condition: str) -> str:
    if event.live:
        return f"It asked once more whether `{event.tool}` may run: its server lists another tool of this name now."
    if condition in ("", "never"):
        return f"It asked whether `{event.tool}` may run with these arguments."
    if condition == "always":
        return f"It asked whether `{event.tool}` may run, since each call of this tool asks."
    return f"It asked whether `{event.tool}` may run, since its condition was met: {_quote(condition)}"


def _ask_limit(event: ApprovalRequested, _: str) -> str:
    limit = event.limit
    if limit is None:
        return "It reached a limit and asked whether it may go on."
    return (
        f"It reached its limit `{limit.name}`, {limit.value:g}, and asked whether it may go on, up to {limit.up_to:g}."
    )


_ASKS: Final[Mapping[str, Callable[[ApprovalRequested, str], str]]] = {
    "tool": _ask_tool,
    "unknown_outcome": lambda event, _: (
        f"It asked whether `{event.tool}` has happened: the call began, and its outcome is not known."
    ),
    "node": lambda event, _: f"The graph asks here: {_quote(event.message)}",
    "question": lambda event, _: f"`{event.tool}` asked a question: {_quote(event.message)}",
    "limit": _ask_limit,
}


def _quote(text: str) -> str:
    """Return a text of others, on one line and not longer than a sentence may be."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def _span(microseconds: int) -> str:
    return duration_text(max(0, microseconds) / 1_000_000)
