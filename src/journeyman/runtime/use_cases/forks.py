"""The use case of time travel: a new run on a new thread that begins as another did, with edits. T6."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.agents.policy_merge import restricted_to
from journeyman.errors import StateError
from journeyman.events.events import (
    ApprovalRequested,
    ContextChanged,
    Event,
    HistorySummarized,
    MessageAdded,
    RunForked,
    ThreadCreated,
)
from journeyman.events.fold import AgentState, replace
from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import Append, MessageRow
from journeyman.runtime.engine.context_limits import check_context
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import load_pinned, load_summary, load_view, read_all
from journeyman.runtime.use_cases.fork_events import ForkIdentity, Prefix, copies, edits, prefix, under_way
from journeyman.runtime.use_cases.requests import ForkRun, Started
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.submission import Submission


class Forks:
    """Forks runs of the caller's principal; another's raise NotFoundError."""

    def __init__(self, parts: RunParts, runs: Runs, submission: Submission) -> None:
        self._journal = parts.journal
        self._runs = runs
        self._acceptance = submission
        self._definitions = parts.agents
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids

    async def fork(self, principal: str, request: ForkRun) -> Started:
        """A new run of events 1 to `at` of another and the edits; durable when this returns. The parent is not touched.

        Raises NotFoundError (run, version, seq, an agent that is served no more), ValidationError (an edit that
        cannot be), StateError (`run_queued`, `not_forkable`), ConfigurationError (its agent cannot be built any more)
        and what accepting a run raises.
        """
        parent = await self._runs.get(principal, request.run_id)
        entries = await read_all(self._journal, parent.id)
        copied = prefix(parent.id, entries, request.at)
        if copied.state.direct is not None:
            raise StateError("A run that is one tool call cannot be forked: call the tool again.", code="not_forkable")
        edited = _edits(copied, request, principal)
        agent = await self._agent(copied.state, request)
        run_id, thread_id = self._ids.new("run"), self._ids.new("thread")
        forked = RunForked(
            parent=parent.id,
            at=copied.at,
            epoch=self._journal.epoch,
            calls=under_way(copied, entries[copied.at :]),
        )
        shown = await self._shown(copied)
        thread = await self._thread(thread_id, principal, copied, shown)
        identity = self._identity(ThreadRef(principal, thread_id).key, copied, shown, agent, request)
        identity = replace(identity, summary=_summary_of(thread))
        run = self._append(run_id, (*copies(copied, identity), forked, *edited), [one.at for one in copied.entries])
        definition = self._definitions.to_store(agent)
        appends, payer = (thread, run), request.payer
        earlier = await self._acceptance.accept(principal, run_id, appends, request.key, definition, agent.spec, payer)
        if earlier is None:
            return Started(run_id=run_id, thread_id=thread_id)
        row = await self._runs.get(principal, earlier)
        return Started(run_id=earlier, thread_id=ThreadRef.parse(row.thread).id, replayed=True)

    async def _shown(self, copied: Prefix) -> Sequence[MessageRow]:
        """The stored messages that the run saw when it started; pinned ones from before its view stand in front."""
        started, thread = copied.started, copied.state.thread
        view = await load_view(self._journal, thread, started.first_no, started.last_no)
        before = view[0].no if view else started.last_no + 1
        return [*await load_pinned(self._journal, thread, started.pinned, before), *view]

    async def _agent(self, state: AgentState, request: ForkRun) -> BaseAgent:
        """The agent that goes on: of the version that is asked for, no freer than the one that is served now, with the
        prompt that is asked for."""
        if request.version is None:
            agent = await self._definitions.of(state)
        else:
            agent = await self._definitions.version(state.agent or "", request.version)
        spec = restricted_to(agent.spec, self._definitions.current(agent.name).spec)
        if request.prompt is not None:
            spec = msgspec.structs.replace(spec, prompt=request.prompt, prompt_is_text=True)
        return agent if spec is agent.spec else self._definitions.build(spec)

    def _identity(
        self, thread: str, copied: Prefix, shown: Sequence[MessageRow], agent: BaseAgent, request: ForkRun
    ) -> ForkIdentity:
        asked = (entry.event for entry in copied.entries if entry.type == "approval_requested")
        return ForkIdentity(
            thread=thread,
            version=agent.version,
            shown=len(shown),
            pinned=tuple(no for no, row in enumerate(shown, 1) if row.message.pinned),
            shift=copied.started.last_no - len(shown),
            approvals={one.approval: self._ids.new("appr") for one in asked if isinstance(one, ApprovalRequested)},
            by_others=frozenset(tool.name for tool in agent.spec.tools if tool.policy.approval.by == "other"),
            request_id=request.request_id,
            trace_id=request.trace_id,
            caller_span=request.caller_span,
            key=request.payer.key if request.payer else None,
        )

    async def _thread(self, thread_id: str, principal: str, copied: Prefix, shown: Sequence[MessageRow]) -> Append:
        """The new thread: the context and the stored messages that the run saw when it started, as copies."""
        parent = await self._journal.thread(copied.state.thread)
        title, meta = (parent.title, parent.meta) if parent else ("", {})
        events: list[Event] = [ThreadCreated(thread_id=thread_id, principal=principal, title=title, meta=meta)]
        if copied.started.thread_context:
            events.append(ContextChanged(scope="thread", patch=copied.started.thread_context))
        if text := await load_summary(self._journal, copied.started.summary_stream, copied.started.summary or 0):
            events.append(HistorySummarized(first_no=1, last_no=0, text=text))
        times = [self._clock.now()] * len(events) + [row.at for row in shown]
        events += [MessageAdded(message=row.message, by=principal) for row in shown]
        return self._append(ThreadRef(principal, thread_id).stream, events, times)

    def _append(self, stream: str, events: Sequence[Event], times: Sequence[int]) -> Append:
        return Append(stream=stream, drafts=tuple(map(self._codec.draft, events)), times=tuple(times))


def _summary_of(thread: Append) -> int | None:
    """The seq of the summary that a new thread begins with."""
    return next((seq for seq, draft in enumerate(thread.drafts, 1) if draft.type == "history_summarized"), None)


def _edits(copied: Prefix, request: ForkRun, principal: str) -> tuple[Event, ...]:
    if request.context:
        check_context(copied.state.thread_context, request.context)
    return tuple(edits(copied, request.messages, request.context, principal))
