"""The use cases of runs: start, wait, watch, cancel, answer, look at. Every face calls these and nothing below."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.errors import ForbiddenError, NotFoundError, StateError, ToolNotFoundError, ValidationError
from journeyman.events.codec import Entry
from journeyman.events.events import ApprovalGiven, CancelRequested, DirectCall, Event, RunAccepted, RunFailed
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import JSON
from journeyman.events.redaction import redacted_draft
from journeyman.events.streams import ThreadRef
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import (
    Append,
    ApprovalRow,
    Batch,
    FailureRow,
    IdempotencyClaim,
    RunFilter,
    RunRow,
)
from journeyman.runtime.engine.context_limits import check_context, check_thread_id
from journeyman.runtime.engine.frames import Frame
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.use_cases.idempotency import idempotency_claim
from journeyman.runtime.use_cases.requests import (
    HumanAnswer,
    IdempotencyKey,
    RunResult,
    StartCall,
    Started,
    StartRun,
    result_of,
)
from journeyman.runtime.use_cases.submission import Submission
from journeyman.runtime.use_cases.watch import Watch


class Runs:
    """Every method takes the caller's principal; what belongs to another raises NotFoundError."""

    def __init__(
        self, parts: RunParts, scheduler: RunScheduler, registry: AgentRegistry, submission: Submission
    ) -> None:
        self._journal = parts.journal
        self._worker = scheduler
        self._catalog = registry
        self._definitions = parts.agents
        self._codec = parts.codec
        self._clock = parts.clock
        self._ids = parts.ids
        self._acceptance = submission

    # --- starting

    async def start(self, principal: str, request: StartRun) -> Started:
        """Accept a run: durable when this returns.

        Raises NotFoundError (unknown agent), ValidationError, ThreadBusyError, QueueFullError, IdempotencyError,
        ResourceError (`overloaded`, `shutting_down`).
        """
        agent = self._catalog.resolve(request.agent)
        thread_id = check_thread_id(request.thread_id) if request.thread_id is not None else self._ids.new("thread")
        key = ThreadRef(principal, thread_id).key
        if request.context:
            await self._check_context(key, request.context)
        accepted = RunAccepted(
            thread=key,
            principal=principal,
            agent=agent.name,
            version=agent.version,
            input=request.input,
            context=request.context,
            multitask=request.multitask,
            stream=request.stream,
            request_id=request.request_id,
            trace_id=request.trace_id,
            caller_span=request.caller_span,
            key=request.payer.key if request.payer else None,
        )
        return await self._accept(accepted, thread_id, request, agent)

    async def call(self, principal: str, request: StartCall) -> Started:
        """Accept a lone tool call; it has a hidden thread of its own. Raises ToolNotFoundError, ToolValidationError,
        and ForbiddenError for a tool that no agent lists."""
        agent = self._definitions.direct(request.tool, request.agent)
        spec = agent.tools.get(request.tool)
        if spec is None:
            raise ToolNotFoundError(f"There is no tool {request.tool!r}. GET /tools lists them.")
        if not request.unlisted and not self._catalog.lists(request.tool, request.agent):
            raise ForbiddenError(f"No agent lists {request.tool!r}: to call it all the same needs the scope `admin`.")
        agent.tools.check(request.tool, request.arguments)
        thread = ThreadRef.hidden(principal, self._ids.new("call"))
        accepted = RunAccepted(
            thread=thread.key,
            principal=principal,
            agent=request.agent,
            direct=DirectCall(request.tool, request.arguments, spec.sensitive),
            stream=request.stream,
            request_id=request.request_id,
            trace_id=request.trace_id,
            caller_span=request.caller_span,
            key=request.payer.key if request.payer else None,
        )
        return await self._accept(accepted, thread.id, request, None)

    async def _accept(
        self, accepted: RunAccepted, thread_id: str, request: StartRun | StartCall, agent: BaseAgent | None
    ) -> Started:
        run_id = self._ids.new("run")
        append = Append(stream=run_id, drafts=(self._codec.draft(accepted),))
        earlier = await self._acceptance.accept(
            accepted.principal,
            run_id,
            (append,),
            request.key,
            self._definitions.to_store(agent) if agent else None,
            agent.spec if agent else None,
            request.payer,
        )
        if earlier is not None:
            return await self._replayed(accepted.principal, earlier)
        return Started(run_id=run_id, thread_id=thread_id)

    async def _replayed(self, principal: str, run_id: str) -> Started:
        row = await self.get(principal, run_id)
        return Started(run_id=run_id, thread_id=ThreadRef.parse(row.thread).id, replayed=True)

    async def _check_context(self, thread: str, patch: dict[str, JSON]) -> None:
        row = await self._journal.thread(thread)
        check_context(row.context if row else {}, patch)

    # --- waiting and watching

    async def wait(self, run_id: str, seconds: float) -> RunResult:
        """How the run ended, or where it stands: returns when it ends, pauses, would wait behind a paused run, or
        after `seconds`. Nothing of it is uncommitted."""
        thread = ""
        if self._worker.live(run_id) is None:
            row = await self._row(run_id)
            thread = row.thread

        async def idle() -> bool:
            return await self._idle(run_id)

        state = await self._worker.wait(run_id, thread, seconds, idle)
        if state is None:
            return await self._result(await self._row(run_id))
        return await self._with_approvals(result_of(state), state)

    async def _idle(self, run_id: str) -> bool:
        """Of a run that is not under way here: is there nothing that a short wait could bring?"""
        row = await self._row(run_id)
        if row.status != "queued":
            return row.status != "running"
        thread = await self._journal.thread(row.thread)
        ahead = await self._journal.run(thread.active_run) if thread and thread.active_run else None
        return ahead is not None and ahead.status == "paused"

    async def watch(
        self, principal: str, run_id: str, after: int = 0, *, until_pause: bool = False
    ) -> AsyncGenerator[Frame, None]:
        """Stored events after `after`, then what happens: entries, deltas, snapshots, progress.

        Ends after the run's end, after Reconnect, and with `until_pause` after run_paused. Close the iterator (aclose)
        when the client goes away. Nothing is buffered for a slow reader. Raises NotFoundError at the first step, and
        ValidationError when `after` lies beyond the run's last event.
        """
        if after or self._worker.live(run_id) is None:
            row = await self.get(principal, run_id)
            if after > row.last_seq:
                raise ValidationError(f"Event {after} of {run_id} does not exist: its last is {row.last_seq}.")
            if after == row.last_seq and row.ended_at is not None:
                return
        else:
            await self.get(principal, run_id)
        frames = Watch(self._journal, self._worker, run_id, after, until_pause).frames()
        try:
            async for frame in frames:
                yield frame
        finally:
            await frames.aclose()

    # --- outside facts

    async def cancel(
        self, principal: str, run_id: str, reason: str = "requested", *, key: IdempotencyKey | None = None
    ) -> RunResult:
        """Ask the run to end; returns when that is durable. Raises StateError `run_ended` if it has ended."""
        await self.get(principal, run_id)
        claim = idempotency_claim(principal, key, self._clock.now(), run_id)
        await self._append({run_id: [CancelRequested(by=principal, reason=reason)]}, claim, urgent=True)
        return await self.result(principal, run_id)

    async def answer(
        self,
        principal: str,
        run_id: str,
        answers: Sequence[HumanAnswer],
        *,
        anyone: bool = False,
        key: IdempotencyKey | None = None,
    ) -> RunResult:
        """Answer approvals of the run and of its children: all in one transaction, each single use. With `anyone` a run
        may be another principal's. Raises StateError `approval_closed`, NotFoundError, ValidationError (a decision that
        is not among the allowed ones)."""
        if not answers:
            raise ValidationError("Send at least one answer: {approval, decision}.")
        row = await (self._row(run_id) if anyone else self.get(principal, run_id))
        claim = idempotency_claim(principal, key, self._clock.now(), run_id)
        if await self._repeats(claim):
            return await self.result(row.principal, run_id)
        given: dict[str, list[Event]] = {}
        for answer in answers:
            approval = await self._check_answer(row, answer, principal)
            given.setdefault(approval.run, []).append(_given(answer, approval, principal))
        await self._append(given, claim)
        return await self.result(row.principal, run_id)

    async def _repeats(self, claim: IdempotencyClaim | None) -> bool:
        """Asked before the checks, since an answer is checked against what it has changed. The commit asks again."""
        if claim is None:
            return False
        first = await self._journal.claim(claim.principal, claim.route, claim.key)
        return replayed_result(first, claim, self._clock.now()) is not None

    async def tell(self, principal: str, run_id: str, text: str) -> RunResult:
        """Answer the question that the run asks, the oldest if there are several. Raises StateError `nothing_asked`."""
        result = await self.result(principal, run_id)
        own = await self._journal.approvals(None, run=run_id)  # one may be open while another call goes on
        waiting = (*sorted(own, key=lambda row: row.seq), *result.approvals)
        asked = next((row for row in waiting if row.kind == "question"), None)
        if asked is None:
            text = "The run asks no question now: to say something more, start a run on its thread."
            raise StateError(text, code="nothing_asked")
        return await self.answer(principal, run_id, [HumanAnswer(approval=asked.id, decision="done", result=text)])

    async def _check_answer(self, run: RunRow, answer: HumanAnswer, by: str) -> ApprovalRow:
        approval = await self._journal.approval(answer.approval)
        mine = approval is not None and approval.principal == run.principal  # else no further look: it takes time
        if approval is None or not mine or not await self._stands_below(approval.run, run.id):
            raise NotFoundError(f"Run {run.id} has no approval {answer.approval!r}.")
        if approval.answer is not None:
            raise StateError("This approval was answered before, or its run has ended.", code="approval_closed")
        if approval.answerer == "other" and by == run.principal:
            text = "Another principal is to answer this approval: its tool says `by: other`."
            raise ForbiddenError(text, code="answer_by_other")
        if answer.decision not in approval.decisions:
            raise ValidationError(f"Answer with one of: {', '.join(approval.decisions)}.")
        if answer.arguments is not None:
            if answer.decision not in ("approve", "retry") or not approval.tool:
                raise ValidationError("`arguments` go with approve or retry of a tool's call only.")
            state = await self.state(run.principal, approval.run)
            agent = await self._definitions.of(state)
            agent.tools.check(approval.tool, answer.arguments)
        if answer.result is not None and answer.decision != "done":
            raise ValidationError("`result` goes with done only.")
        if approval.kind == "question" and answer.decision == "done" and answer.result is approval.result is None:
            raise ValidationError("`result` is missing: it is the answer to the question.")
        return approval

    async def _stands_below(self, run_id: str, above: str) -> bool:
        """Is it that run, or one that it waits for?"""
        while run_id != above:
            row = await self._journal.run(run_id)
            if row is None or row.parent is None:
                return False
            run_id = row.parent
        return True

    async def _append(
        self, facts: Mapping[str, Sequence[Event]], claim: IdempotencyClaim | None = None, *, urgent: bool = False
    ) -> None:
        """Outside facts, by run: one transaction."""
        appends = (
            Append(stream=run_id, drafts=tuple(map(self._codec.draft, events))) for run_id, events in facts.items()
        )
        await self._worker.commit_and_notify(
            Batch(at=self._clock.now(), appends=tuple(appends), claim=claim), urgent=urgent
        )

    # --- looking

    async def result(self, principal: str, run_id: str) -> RunResult:
        return await self._result(await self.get(principal, run_id))

    async def get(self, principal: str, run_id: str) -> RunRow:
        row = await self._journal.run(run_id)
        if row is None or row.principal != principal:
            raise NotFoundError(f"There is no run {run_id!r}.")
        return row

    async def list(self, principal: str, where: RunFilter, cursor: int | None, limit: int) -> Sequence[RunRow]:
        """Newest first; the next cursor is the last row's accepted_no."""
        mine = msgspec.structs.replace(where, principal=principal)
        return await self._journal.runs(mine, cursor, limit)

    async def failures(self, principal: str, limit: int) -> Sequence[tuple[FailureRow, str]]:
        """Failed runs by agent and error code, what failed last first, each with the latest run's sentence."""
        rows = await self._journal.failures(principal, limit)
        return [(row, await self._sentence(row)) for row in rows]

    async def _sentence(self, row: FailureRow) -> str:
        last = await self._journal.read(row.latest_run, row.last_seq - 1, 1)
        event = last[0].event if last else None
        return event.error.message if isinstance(event, RunFailed) else ""

    async def events(self, principal: str, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        await self.get(principal, run_id)
        return [redacted_draft(entry) for entry in await self._journal.read(run_id, after, limit)]

    async def state(self, principal: str, run_id: str, at: int | None = None) -> AgentState:
        """The fold up to seq `at` (None: all). Raises NotFoundError, also if the run has no such seq."""
        row = await self.get(principal, run_id)
        if at is not None and not 1 <= at <= row.last_seq:
            raise NotFoundError(f"Run {run_id} has events 1 to {row.last_seq}, not {at}.")
        entries = map(redacted_draft, await read_all(self._journal, run_id, at))
        return fold(run_id, ((entry.seq, entry.at, entry.event) for entry in entries))

    async def approvals(self, principal: str | None, cursor: str | None, limit: int) -> Sequence[ApprovalRow]:
        """What waits for a human, by id; of everybody without a principal."""
        return await self._journal.approvals(principal, cursor, limit)

    async def _row(self, run_id: str) -> RunRow:
        row = await self._journal.run(run_id)
        if row is None:
            raise NotFoundError(f"There is no run {run_id!r}.")
        return row

    async def _result(self, row: RunRow) -> RunResult:
        entries = await read_all(self._journal, row.id)
        state = fold(row.id, ((entry.seq, entry.at, entry.event) for entry in entries))
        result = result_of(state)
        if row.status == "queued":
            result = msgspec.structs.replace(result, waiting_for="thread")
        return await self._with_approvals(result, state)

    async def _with_approvals(self, result: RunResult, state: AgentState) -> RunResult:
        if result.status != "paused":
            return result
        approvals = await self._journal.approvals(None, run=result.run_id)
        below = await self._approvals_below(state) if state.open_children else ()
        return msgspec.structs.replace(result, approvals=(*approvals, *below), waiting_for="approval")

    async def _approvals_below(self, state: AgentState) -> tuple[ApprovalRow, ...]:
        """Those of its children, as the run's pause named them, that are open."""
        rows = [await self._journal.approval(approval) for approval in state.waiting_for]
        return tuple(row for row in rows if row is not None and row.run != state.run_id and row.answer is None)


def _given(answer: HumanAnswer, approval: ApprovalRow, by: str) -> ApprovalGiven:
    return ApprovalGiven(
        approval=answer.approval,
        decision=answer.decision,
        by=by,
        arguments=answer.arguments,
        hidden=approval.hidden if answer.arguments else (),
        result=approval.result if answer.decision == "done" and answer.result is None else answer.result,
    )
