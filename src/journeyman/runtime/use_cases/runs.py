"""Use cases of runs: start, wait, watch, cancel, answer, read. Every interface calls these and nothing below."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec

from journeyman.agents.agent import BaseAgent
from journeyman.agents.history_window import timed_input
from journeyman.agents.raised_limits import check_new_limit
from journeyman.agents.spec import NewerDefinitionError
from journeyman.errors import ForbiddenError, NotFoundError, StateError, ToolNotFoundError, ValidationError
from journeyman.events.attachments import has_attachments
from journeyman.events.codec import Entry
from journeyman.events.events import (
    CancelRequested,
    Decision,
    DirectCall,
    Event,
    MessageAdded,
    RunAccepted,
    RunFailed,
    RunPaused,
    ThreadCreated,
    ToolCallFinished,
)
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import JSON, Message
from journeyman.events.redaction import redacted_draft
from journeyman.events.streams import ThreadRef, share_of
from journeyman.files.incoming import with_files_stored
from journeyman.journal.idempotency import replayed_result
from journeyman.journal.journal import (
    Append,
    ApprovalRow,
    Batch,
    FailureRow,
    IdempotencyClaim,
    RunFilter,
    RunPage,
    RunRow,
    ToolOutputRow,
)
from journeyman.runtime.engine.context_limits import check_context, check_thread_id
from journeyman.runtime.engine.frames import Frame
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.lacks import LackingError, lack_of_row, sentence_of
from journeyman.runtime.use_cases.answers import closed_sentence, given_event
from journeyman.runtime.use_cases.explained_run import explained_run
from journeyman.runtime.use_cases.explanations import Explanations
from journeyman.runtime.use_cases.idempotency import idempotency_claim
from journeyman.runtime.use_cases.requests import (
    CHAT,
    ApprovalOutcome,
    HumanAnswer,
    IdempotencyKey,
    RunResult,
    StartCall,
    Started,
    StartRun,
    result_of,
)
from journeyman.runtime.use_cases.run_digests import RunDigest, read_digests
from journeyman.runtime.use_cases.submission import Submission, Submitted
from journeyman.runtime.use_cases.tool_backlog import ToolBacklog
from journeyman.runtime.use_cases.watch import Watch

_RUNNING_DECISIONS = ("approve", "retry")  # after which a call runs


class Runs:
    """Starts, follows, answers and reads runs.

    Every method takes the caller's principal and raises NotFoundError for what belongs to another principal.
    """

    def __init__(
        self,
        parts: RunParts,
        scheduler: RunScheduler,
        registry: AgentRegistry,
        submission: Submission,
        tool_backlog: ToolBacklog | None = None,
    ) -> None:
        self._tool_backlog = tool_backlog
        self._journal = parts.journal
        self._scheduler = scheduler
        self._registry = registry
        self._versions = parts.agents
        self._codec = parts.codec
        self._files = parts.files
        self._clock = parts.clock
        self._ids = parts.ids
        self._submission = submission

    # --- start

    async def start(self, principal: str, request: StartRun) -> Started:
        """Start a run. Returns once it is durable.

        Raises NotFoundError (no such agent), ValidationError, ThreadBusyError, QueueFullError, IdempotencyError,
        ResourceError (`overloaded`, `shutting_down`, `quota_exhausted`).
        """
        agent = self._registry.resolve(request.agent)
        if request.input.is_blank:
            raise ValidationError("`user_input` is empty or only white space. Send some text.")
        thread_id = self._thread_id(principal, request)
        thread = ThreadRef(principal, thread_id)
        key = thread.key
        if request.context:
            await self._check_context(key, request.context)
        message = request.input
        if has_attachments(message):
            message = await with_files_stored(self._files, principal, message)
        before = (await self._seeded(thread, request.seed),) if request.seed else ()
        accepted = RunAccepted(
            thread=key,
            principal=principal,
            agent=agent.name,
            version=agent.version,
            input=timed_input(message, agent.spec.history, self._clock.now()),
            context=request.context,
            multitask=request.multitask,
            stream=request.stream,
        )
        return await self._accept(accepted, thread_id, request, agent, before)

    def _thread_id(self, principal: str, request: StartRun) -> str:
        """Return the id of the thread to run on, a new one where the request names none."""
        if request.hidden:
            return request.thread_id or ThreadRef.hidden(principal, self._ids.new(CHAT)).id
        return check_thread_id(request.thread_id) if request.thread_id is not None else self._ids.new("thread")

    async def _seeded(self, thread: ThreadRef, seed: Sequence[Message]) -> Append:
        """Return the events of a new thread that begins with messages of the caller, which are marked as theirs."""
        made = ThreadCreated(thread_id=thread.id, principal=thread.principal)
        said = [await with_files_stored(self._files, thread.principal, message) for message in seed]
        events: tuple[Event, ...] = (made, *(MessageAdded(message=message, by=thread.principal) for message in said))
        return Append(stream=thread.stream, drafts=tuple(map(self._codec.draft, events)))

    async def call(self, principal: str, request: StartCall) -> Started:
        """Start a direct tool call, as a run without an agent on a hidden thread. Returns once it is durable.

        Raises ToolNotFoundError, ToolValidationError, ForbiddenError (no agent lists the tool), ResourceError
        (`overloaded`: too many calls wait for a worker process), and what `start` raises.
        """
        agent = self._versions.direct(request.tool, request.agent)
        spec = agent.tools.get(request.tool)
        if spec is None:
            raise ToolNotFoundError(f"There is no tool {request.tool!r}. GET /tools lists them.")
        if not request.unlisted and not self._registry.lists(request.tool, request.agent):
            raise ForbiddenError(f"No agent lists the tool {request.tool!r}: a direct call needs the scope `admin`.")
        agent.tools.check(request.tool, request.arguments)
        thread = ThreadRef.hidden(principal, self._ids.new("call"))
        accepted = RunAccepted(
            thread=thread.key,
            principal=principal,
            agent=request.agent,
            direct=DirectCall(request.tool, request.arguments, spec.sensitive),
            stream=request.stream,
        )
        if self._tool_backlog is None or spec.policy.isolation != "process":
            return await self._accept(accepted, thread.id, request, None)
        with self._tool_backlog.entering(share_of(principal, thread.key)):
            return await self._accept(accepted, thread.id, request, None)

    async def _accept(
        self,
        accepted: RunAccepted,
        thread_id: str,
        request: StartRun | StartCall,
        agent: BaseAgent | None,
        before: tuple[Append, ...] = (),
    ) -> Started:
        """Submit the run, in one transaction with the appends `before` it."""
        run_id = self._ids.new("run")
        append = Append(stream=run_id, drafts=(self._codec.draft(request.origin.recorded_in(accepted)),))
        submitted = await self._submission.submit(
            accepted.principal,
            run_id,
            (*before, append),
            request.key,
            self._versions.to_store(agent) if agent else None,
            agent.spec if agent else None,
            request.origin,
        )
        return await self.started(accepted.principal, submitted, thread_id)

    async def started(self, principal: str, submitted: Submitted, thread_id: str) -> Started:
        """Return the submitted run with its thread: `thread_id`, unless the request was replayed."""
        if submitted.replayed:
            row = await self.get(principal, submitted.run_id)
            thread_id = ThreadRef.parse(row.thread).id
        return Started(run_id=submitted.run_id, thread_id=thread_id, replayed=submitted.replayed)

    async def _check_context(self, thread: str, patch: dict[str, JSON]) -> None:
        row = await self._journal.thread(thread)
        check_context(row.context if row else {}, patch)

    # --- wait and watch

    async def wait(self, run_id: str, seconds: float) -> RunResult:
        """Wait until the run ends or pauses, or waits for a paused run, but at most `seconds`.

        Returns the result, or the status so far. All of it is durable.
        """
        thread = ""
        if self._scheduler.live(run_id) is None:
            row = await self._row(run_id)
            thread = row.thread

        async def idle() -> bool:
            return await self._is_idle(run_id)

        state = await self._scheduler.wait(run_id, thread, seconds, idle)
        if state is None:
            return await self._result(await self._row(run_id))
        return await self._with_approvals(result_of(state), state)

    async def _is_idle(self, run_id: str) -> bool:
        """Check whether a run that has no runner here would not change while it is waited for.

        That is so if it has ended or is paused, or is queued behind a paused run.
        """
        row = await self._row(run_id)
        if row.status != "queued":
            return row.status != "running" and not await self._only_lacks(row)
        ahead = await self._run_ahead(row)
        return ahead is not None and ahead.status == "paused"

    async def _run_ahead(self, row: RunRow) -> RunRow | None:
        """Return the run that has the slot of a queued run's thread. None: the slot is free."""
        thread = await self._journal.thread(row.thread)
        return await self._journal.run(thread.active_run) if thread and thread.active_run else None

    async def _only_lacks(self, row: RunRow) -> bool:
        """Check whether a run is paused for what it lacks, and for no human."""
        if row.status != "paused" or row.lacks is None or lack_of_row(row.lacks).kind == "operator":
            return False
        last = await self._journal.read(row.id, row.last_seq - 1, 1)
        event = last[0].event if last else None
        return isinstance(event, RunPaused) and not event.waiting_for

    async def watch(
        self, principal: str, run_id: str, after: int = 0, *, until_pause: bool = False
    ) -> AsyncGenerator[Frame, None]:
        """Yield the stored events after `after`, then new events, deltas, snapshots and progress as they come.

        Ends after the run's last event, after Reconnect, and with `until_pause` after `run_paused`. Close the iterator
        (`aclose`) when the client leaves. Nothing is buffered for a slow client. Raises NotFoundError at the first
        step, and ValidationError if `after` is beyond the run's last event.
        """
        if after or self._scheduler.live(run_id) is None:
            row = await self.get(principal, run_id)
            if after > row.last_seq:
                raise ValidationError(f"Event {after} of {run_id} does not exist: its last is {row.last_seq}.")
            if after == row.last_seq and row.ended_at is not None:
                return
        else:
            await self.get(principal, run_id)
        frames = Watch(self._journal, self._scheduler, run_id, after, until_pause).frames()
        try:
            async for frame in frames:
                yield frame
        finally:
            await frames.aclose()

    # --- cancel and answer

    async def cancel(
        self, principal: str, run_id: str, reason: str = "requested", *, key: IdempotencyKey | None = None
    ) -> RunResult:
        """Request that the run ends. Returns once that is durable.

        Raises NotFoundError, StateError (`run_ended`), IdempotencyError.
        """
        row = await self.get(principal, run_id)
        if row.ended_at is not None and key is None:  # with a key, it may be the repetition of an earlier request
            raise StateError(f"Run {run_id} has ended already: it is {row.status}.", code="run_ended")
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
        credential: str | None = None,
    ) -> RunResult:
        """Answer approvals of the run and of its child runs, all in one transaction. Each can be answered once.

        `anyone` allows the run of another principal. `credential` is what authenticated the caller, also if it
        acts for another. Raises NotFoundError, StateError (`approval_closed`; `agent_away`
        and `tool_away`: what the answer would run is not here), ForbiddenError (`answer_by_other`), ValidationError
        (the decision is not allowed), IdempotencyError.
        """
        if not answers:
            raise ValidationError("Send at least one answer: {approval, decision}.")
        row = await (self._row(run_id) if anyone else self.get(principal, run_id))
        claim = idempotency_claim(principal, key, self._clock.now(), run_id)
        if await self._is_replay(claim):
            return await self._answered(row, principal)
        given: dict[str, list[Event]] = {}
        for answer in answers:
            approval = await self._check_answer(row, answer, principal, credential)
            given.setdefault(approval.run, []).append(given_event(answer, approval, principal))
        await self._append(given, claim)
        return await self._answered(row, principal)

    async def _answered(self, row: RunRow, by: str) -> RunResult:
        """Return the run's result to who has answered. Another principal gets neither its text nor its error."""
        result = await self.result(row.principal, row.id)
        if by == row.principal:
            return result
        return msgspec.structs.replace(result, response="", error=None)

    async def outcome(
        self, principal: str, approval_id: str, *, anyone: bool = False, seconds: float = 0.0
    ) -> ApprovalOutcome:
        """Return what has become of an approval, after waiting at most `seconds` for its run to end or pause.

        `anyone` allows the run of another principal, while the approval is open or if `principal` has answered it.
        Raises NotFoundError.
        """
        approval = await self._approval(principal, approval_id, anyone)
        if seconds:
            await self.wait(approval.run, seconds)
            approval = await self._approval(principal, approval_id, anyone)
        row = await self._row(approval.run)
        return ApprovalOutcome(approval=approval, status=row.status, call=await self._end_of_call(approval))

    async def _approval(self, principal: str, approval_id: str, anyone: bool) -> ApprovalRow:
        approval = await self._journal.approval(approval_id)
        others = anyone and approval is not None and approval.answered_by in (None, principal)
        if approval is None or not (others or approval.principal == principal):
            raise NotFoundError(f"There is no approval {approval_id!r}.")
        return approval

    async def _end_of_call(self, approval: ApprovalRow) -> ToolCallFinished | None:
        """Return the end of the tool call that asked. None: it has not ended since, or no call asked."""
        if not approval.tool:
            return None
        for entry in await read_all(self._journal, approval.run):
            event = entry.event
            if entry.seq > approval.seq and isinstance(event, ToolCallFinished) and event.call == approval.call:
                return event
        return None

    async def _is_replay(self, claim: IdempotencyClaim | None) -> bool:
        """Check whether an earlier request had this claim.

        It is asked before the checks, which an answer that was given already would fail. The commit asks again.
        """
        if claim is None:
            return False
        first = await self._journal.claim(claim.principal, claim.route, claim.key)
        return replayed_result(first, claim, self._clock.now()) is not None

    async def tell(self, principal: str, run_id: str, text: str, *, credential: str | None = None) -> RunResult:
        """Answer the run's open question, the oldest if there are several. Raises StateError (`nothing_asked`)."""
        result = await self.result(principal, run_id)
        own = await self._journal.approvals(None, run=run_id)  # one may be open while another call goes on
        waiting = (*sorted(own, key=lambda row: row.seq), *result.approvals)
        asked = next((row for row in waiting if row.kind == "question"), None)
        if asked is None:
            message = (
                "This run has no open question. To send another message, start a new run on the same thread "
                "(`POST /process` with this `thread_id`)."
            )
            raise StateError(message, code="nothing_asked")
        answers = [HumanAnswer(approval=asked.id, decision="done", result=text)]
        return await self.answer(principal, run_id, answers, credential=credential)

    async def _check_answer(self, run: RunRow, answer: HumanAnswer, by: str, credential: str | None) -> ApprovalRow:
        approval = await self._journal.approval(answer.approval)
        same = approval is not None and approval.principal == run.principal  # checked first: it costs no read
        if approval is None or not same or not await self._is_descendant(approval.run, run.id):
            raise NotFoundError(f"Run {run.id} has no approval {answer.approval!r}.")
        if approval.answer is not None:
            raise StateError(closed_sentence(approval), code="approval_closed")
        if approval.answerer == "other":
            await self._check_answerer(approval, by, credential)
        if answer.decision not in approval.decisions:
            raise ValidationError(f"Answer with one of: {', '.join(approval.decisions)}.")
        if answer.decision in _RUNNING_DECISIONS:
            await self._check_code(approval)
        if answer.arguments is not None:
            await self._check_arguments(run, approval, answer.decision, answer.arguments)
        if answer.result is not None and answer.decision != "done":
            raise ValidationError("`result` is only allowed with `done`.")
        if approval.kind == "question" and answer.decision == "done" and answer.result is approval.result is None:
            raise ValidationError("`result` is missing: it is the answer to the question.")
        return approval

    async def _check_answerer(self, approval: ApprovalRow, by: str, credential: str | None) -> None:
        """Check that another answers than who asked: another principal, and another credential, since a caller that
        acts for others chooses its principal. Raises ForbiddenError (`answer_by_other`).

        Runs of earlier releases did not record their credential: they compare by principal.
        """
        whose = "limit" if approval.kind == "limit" else "tool"
        if by == approval.principal:
            text = f"Another principal must answer this approval: its {whose} requires `by: other`."
            raise ForbiddenError(text, code="answer_by_other")
        if credential is not None and credential == await self._credential_of(approval.run):
            text = (
                f"Another key or token must answer this approval: its {whose} requires `by: other`, and this one "
                "started the run."
            )
            raise ForbiddenError(text, code="answer_by_other")

    async def _credential_of(self, run_id: str) -> str | None:
        """Return the credential of the request that started the run. None: it had none, or did not record it."""
        for entry in await self._journal.read(run_id, 0, 1):
            event = entry.event
            return event.credential if isinstance(event, RunAccepted) else None
        return None

    async def _check_arguments(
        self, run: RunRow, approval: ApprovalRow, decision: Decision, arguments: dict[str, JSON]
    ) -> None:
        if approval.kind == "limit" and decision == "approve":
            question = (await self.state(run.principal, approval.run)).limit_question
            if question is not None and question.approval == approval.id:  # else it was answered just now
                check_new_limit(question.asked, arguments)
            return
        if decision not in _RUNNING_DECISIONS or not approval.tool:
            raise ValidationError(
                "`arguments` are only allowed with `approve` of a limit, and with `approve` or `retry` of a tool call."
            )
        agent = await self._versions.of(await self.state(run.principal, approval.run))
        agent.tools.check(approval.tool, arguments)

    async def _check_code(self, approval: ApprovalRow) -> None:
        """Check that what the answer would run is here. Raises StateError (`agent_away`, `tool_away`)."""
        row = await self._row(approval.run)
        try:
            if row.version is not None:
                await self._versions.of_version(row.agent or "", row.version)
            elif (lack := self._versions.lack_of_tool(row.agent or "", approval.tool)) is not None:
                raise LackingError(lack)
        except (LackingError, NewerDefinitionError) as exc:
            tool = exc.lack.name if isinstance(exc, LackingError) and exc.lack.kind == "tool" else None
            if tool is not None and self._versions.is_remote(tool):
                return  # the call waits for its server
            others = " or ".join(f"`{each}`" for each in approval.decisions if each not in _RUNNING_DECISIONS)
            text = f"{exc.message} The answer was not recorded. Without it you can answer with {others}."
            raise StateError(text, code="tool_away" if tool else "agent_away") from exc

    async def _is_descendant(self, run_id: str, ancestor: str) -> bool:
        """Check whether a run is `ancestor` itself, or a child run below it."""
        while run_id != ancestor:
            row = await self._journal.run(run_id)
            if row is None or row.parent is None:
                return False
            run_id = row.parent
        return True

    async def _append(
        self, events: Mapping[str, Sequence[Event]], claim: IdempotencyClaim | None = None, *, urgent: bool = False
    ) -> None:
        """Commit events of several runs in one transaction, and notify the runs."""
        appends = (Append(stream=run_id, drafts=tuple(map(self._codec.draft, new))) for run_id, new in events.items())
        batch = Batch(at=self._clock.now(), appends=tuple(appends), claim=claim)
        await self._scheduler.commit_and_notify(batch, urgent=urgent)

    # --- read

    async def result(self, principal: str, run_id: str) -> RunResult:
        """Return the run's result, or its status so far."""
        return await self._result(await self.get(principal, run_id))

    async def get(self, principal: str, run_id: str) -> RunRow:
        """Return the run's row. Raises NotFoundError."""
        row = await self._journal.run(run_id)
        if row is None or row.principal != principal:
            raise NotFoundError(f"There is no run {run_id!r}.")
        return row

    async def list(self, principal: str, where: RunFilter, cursor: int | None, limit: int) -> RunPage:
        """Return runs, the newest first. The cursor of the next page is the last row's `accepted_no`, or `stopped_at`
        if the search was broken off."""
        mine = msgspec.structs.replace(where, principal=principal)
        return await self._journal.runs(mine, cursor, limit)

    async def digests(self, rows: Sequence[RunRow]) -> Mapping[str, RunDigest]:
        """Return what a list shows of these runs beside their rows, by their ids."""
        return await read_digests(self._journal, rows)

    async def failures(self, principal: str, limit: int) -> Sequence[tuple[FailureRow, str]]:
        """Return groups of failed runs by agent and error code, the latest failure first.

        Each has the error message of its latest run.
        """
        rows = await self._journal.failures(principal, limit)
        return [(row, await self._error_message(row)) for row in rows]

    async def _error_message(self, row: FailureRow) -> str:
        last = await self._journal.read(row.latest_run, row.last_seq - 1, 1)
        event = last[0].event if last else None
        return event.error.message if isinstance(event, RunFailed) else ""

    async def events(self, principal: str, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        """Return a run's events after the seq `after`, with sensitive arguments redacted."""
        await self.get(principal, run_id)
        return [redacted_draft(entry) for entry in await self._journal.read(run_id, after, limit)]

    async def tool_outputs(self, principal: str, run_id: str) -> Sequence[ToolOutputRow]:
        """Return what the run's tools printed in worker processes. Raises NotFoundError."""
        await self.get(principal, run_id)
        return await self._journal.tool_outputs(run_id)

    async def state(self, principal: str, run_id: str, at: int | None = None) -> AgentState:
        """Return the run's state after the event `at`, or after all events if it is None. Raises NotFoundError."""
        row = await self.get(principal, run_id)
        if at is not None and not 1 <= at <= row.last_seq:
            raise NotFoundError(f"Run {run_id} has events 1 to {row.last_seq}, not {at}.")
        entries = map(redacted_draft, await read_all(self._journal, run_id, at))
        return fold(run_id, ((entry.seq, entry.at, entry.event) for entry in entries))

    async def explanations(self, principal: str, run_id: str) -> Explanations:
        """Return why the run asked, waited, retried, stopped, and what it cost, in sentences. Raises NotFoundError."""
        row = await self.get(principal, run_id)
        return await explained_run(self._journal, self._versions, row)

    async def approvals(self, principal: str | None, cursor: str | None, limit: int) -> Sequence[ApprovalRow]:
        """Return the open approvals of a principal, or of all principals if it is None, in the order of their ids."""
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
            ahead = await self._run_ahead(row)
            result = msgspec.structs.replace(result, waiting_for="thread", waiting_reason=_reason_of(ahead))
        result = await self._with_approvals(result, state)
        if row.status != "running":
            return result
        if result.status == "paused":  # answered or cancelled; it has not resumed yet
            result = msgspec.structs.replace(result, status="running", waiting_for=None, waiting_reason=None)
        if self._scheduler.waits_for_slot(row.id):
            result = msgspec.structs.replace(result, waiting_for="worker")
        if row.lacks is not None:  # noted in the row alone
            lack = lack_of_row(row.lacks)
            result = msgspec.structs.replace(result, waiting_for=lack.kind, waiting_reason=sentence_of(lack))
        return result

    async def _with_approvals(self, result: RunResult, state: AgentState) -> RunResult:
        """Add the open approvals: of a paused run, or of one that works while some of its calls wait."""
        if result.status != "paused" and not (result.status == "running" and state.open_approvals):
            return result
        approvals = await self._journal.approvals(None, run=result.run_id)
        in_order = sorted(approvals, key=lambda row: row.seq)
        below = await self._approvals_below(state) if state.open_children else ()
        if result.status != "paused":
            return msgspec.structs.replace(result, approvals=(*in_order, *below), waiting_for=None)
        lack = state.lacks
        return msgspec.structs.replace(
            result,
            approvals=(*in_order, *below),
            waiting_for="approval" if lack is None or in_order or below else lack.kind,
            waiting_reason=sentence_of(lack) if lack is not None else None,
        )

    async def _approvals_below(self, state: AgentState) -> tuple[ApprovalRow, ...]:
        """Return the open approvals of child runs, as the run's last pause named them."""
        rows = [await self._journal.approval(approval) for approval in state.waiting_for]
        return tuple(row for row in rows if row is not None and row.run != state.run_id and row.answer is None)


def _reason_of(ahead: RunRow | None) -> str | None:
    """Return a sentence about the run that a queued run waits for. None: that run is under way."""
    if ahead is None or ahead.lacks is None:
        return None
    return f"The run {ahead.id} of this thread waits. {sentence_of(lack_of_row(ahead.lacks))}"
