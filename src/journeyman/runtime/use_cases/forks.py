"""The use case of forks: a new run on a new thread that copies the beginning of another run, with edits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.agents.policy_merge import restricted_to
from journeyman.agents.spec import AgentSpec, LimitAsk
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
from journeyman.ids import APPROVAL
from journeyman.journal.journal import Append, MessageRow
from journeyman.runtime.engine.context_limits import check_context
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.state_loading import load_pinned, load_summary, load_view, read_all
from journeyman.runtime.use_cases.fork_events import (
    ForkIdentity,
    Prefix,
    copied_events,
    edit_events,
    prefix,
    unfinished_calls,
)
from journeyman.runtime.use_cases.requests import ForkRun, Started
from journeyman.runtime.use_cases.runs import Runs
from journeyman.runtime.use_cases.submission import Submission


class Forks:
    """Forks runs of the caller's principal. Raises NotFoundError for the run of another principal."""

    def __init__(self, parts: RunParts, runs: Runs, submission: Submission) -> None:
        self._journal = parts.journal
        self._runs = runs
        self._submission = submission
        self._versions = parts.agents
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids

    async def fork(self, principal: str, request: ForkRun) -> Started:
        """Start a new run that copies events 1 to `at` of another run and applies edits.

        Returns once the new run is durable. The parent run does not change.

        Raises NotFoundError (no such run, version, seq, or agent), ValidationError (an edit is not possible),
        StateError (`run_queued`, `not_forkable`), ConfigurationError (the agent cannot be built any more), and what
        `Submission.submit` raises.
        """
        parent = await self._runs.get(principal, request.run_id)
        entries = await read_all(self._journal, parent.id)
        copied = prefix(parent.id, entries, request.at)
        if copied.state.direct is not None:
            raise StateError("A direct tool call cannot be forked. Call the tool again.", code="not_forkable")
        edited = _edits(copied, request, principal)
        agent = await self._agent(copied.state, request)
        run_id, thread_id = self._ids.new("run"), self._ids.new("thread")
        forked = RunForked(
            parent=parent.id,
            at=copied.at,
            epoch=self._journal.epoch,
            calls=unfinished_calls(copied, entries[copied.at :]),
        )
        seen = await self._seen_messages(copied)
        thread = await self._thread(thread_id, principal, copied, seen)
        identity = self._identity(ThreadRef(principal, thread_id).key, copied, seen, agent, request)
        identity = replace(identity, summary=_summary_of(thread))
        run = self._append(
            run_id, (*copied_events(copied, identity), forked, *edited), [one.at for one in copied.entries]
        )
        definition = self._versions.to_store(agent)
        appends, origin = (thread, run), request.origin
        submitted = await self._submission.submit(
            principal, run_id, appends, request.key, definition, agent.spec, origin
        )
        return await self._runs.started(principal, submitted, thread_id)

    async def _seen_messages(self, copied: Prefix) -> Sequence[MessageRow]:
        """Return the stored messages that the run saw when it started, with pinned ones from before its view first."""
        started, thread = copied.started, copied.state.thread
        view = await load_view(self._journal, thread, started.first_no, started.last_no)
        before = view[0].no if view else started.last_no + 1
        return [*await load_pinned(self._journal, thread, started.pinned, before), *view]

    async def _agent(self, state: AgentState, request: ForkRun) -> BaseAgent:
        """Return the agent of the new run: the requested version and prompt, restricted to what is allowed now."""
        if request.version is None:
            agent = await self._versions.of(state)
        else:
            agent = await self._versions.version(state.agent or "", request.version)
        spec = restricted_to(agent.spec, self._versions.current(agent.name).spec)
        if request.prompt is not None:
            spec = msgspec.structs.replace(spec, prompt=request.prompt, prompt_is_text=True)
        return agent if spec is agent.spec else self._versions.build(spec)

    def _identity(
        self, thread: str, copied: Prefix, seen: Sequence[MessageRow], agent: BaseAgent, request: ForkRun
    ) -> ForkIdentity:
        asked = (entry.event for entry in copied.entries if entry.type == "approval_requested")
        return ForkIdentity(
            thread=thread,
            version=agent.version,
            seen=len(seen),
            pinned=tuple(no for no, row in enumerate(seen, 1) if row.message.pinned),
            shift=copied.started.last_no - len(seen),
            approvals={one.approval: self._ids.new(APPROVAL) for one in asked if isinstance(one, ApprovalRequested)},
            other_answerer=frozenset(_other_answerer(agent.spec)),
            origin=request.origin,
        )

    async def _thread(self, thread_id: str, principal: str, copied: Prefix, seen: Sequence[MessageRow]) -> Append:
        """Return the new thread's events: copies of the context and the messages that the run saw when it started."""
        parent = await self._journal.thread(copied.state.thread)
        title, meta = (parent.title, parent.meta) if parent else ("", {})
        events: list[Event] = [ThreadCreated(thread_id=thread_id, principal=principal, title=title, meta=meta)]
        if copied.started.thread_context:
            events.append(ContextChanged(scope="thread", patch=copied.started.thread_context))
        if text := await load_summary(self._journal, copied.started.summary_stream, copied.started.summary or 0):
            events.append(HistorySummarized(first_no=1, last_no=0, text=text))
        times = [self._clock.now()] * len(events) + [row.at for row in seen]
        events += [MessageAdded(message=row.message, by=principal) for row in seen]
        return self._append(ThreadRef(principal, thread_id).stream, events, times)

    def _append(self, stream: str, events: Sequence[Event], times: Sequence[int]) -> Append:
        return Append(stream=stream, drafts=tuple(map(self._codec.draft, events)), times=tuple(times))


def _other_answerer(spec: AgentSpec) -> Iterator[str]:
    """Yield the names of the tools and limits whose approvals another principal must give."""
    yield from (tool.name for tool in spec.tools if tool.policy.approval.by == "other")
    reactions = msgspec.structs.asdict(spec.limits.on_reached) if spec.limits.on_reached else {}
    yield from (f"limits.{name}" for name, ask in reactions.items() if isinstance(ask, LimitAsk) and ask.by == "other")


def _summary_of(thread: Append) -> int | None:
    """Return the seq of the summary that a new thread begins with; None if it has none."""
    return next((seq for seq, draft in enumerate(thread.drafts, 1) if draft.type == "history_summarized"), None)


def _edits(copied: Prefix, request: ForkRun, principal: str) -> tuple[Event, ...]:
    if request.context:
        check_context(copied.state.thread_context, request.context)
    return tuple(edit_events(copied, request.messages, request.context, principal))
