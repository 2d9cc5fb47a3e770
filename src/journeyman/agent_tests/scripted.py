"""Runs a test with a scripted model in the whole runtime in memory; tools run, or return what the test says."""

from __future__ import annotations

import msgspec

from journeyman.agent_tests.agents_under_test import AgentsUnderTest, agent_of
from journeyman.agent_tests.file import AnswerEntry, StubEntry
from journeyman.agent_tests.parsing import AgentTest
from journeyman.errors import BaseError, ValidationError
from journeyman.events.codec import Codec
from journeyman.events.events import ContextChanged, Event, Failure, MessageAdded, ThreadCreated
from journeyman.events.messages import Message, TextPart, user
from journeyman.events.streams import ThreadRef, principal_stream
from journeyman.journal.journal import Append, ApprovalRow, Batch
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.engine.performer import ToolExecutor
from journeyman.runtime.engine.state_loading import read_all
from journeyman.runtime.use_cases.requests import HumanAnswer, RunResult, StartRun
from journeyman.server.application import Application
from journeyman.server.composition import join
from journeyman.tools.spec import CallHost, CallRequest, ToolOutcome

PRINCIPAL, THREAD = "local", "test"
SECONDS = 300.0  # for one test


class Stubs:
    """A tool executor that returns what a test says; tools that the test does not name are run."""

    def __init__(self, stubs: dict[str, list[StubEntry]], executor: ToolExecutor) -> None:
        self._left = {name: list(entries) for name, entries in stubs.items()}
        self._executor = executor

    async def execute(self, request: CallRequest, host: CallHost) -> ToolOutcome:
        left = self._left.get(request.spec.name)
        if left is None:
            return await self._executor.execute(request, host)
        await host.starting(request.attempt)
        if not left:
            message = f"The test says nothing more for {request.spec.name}: add to `tools.{request.spec.name}`."
            return ToolOutcome(failure=Failure("stub_exhausted", message))
        return _outcome(left.pop(0))


def _outcome(stub: StubEntry) -> ToolOutcome:
    if stub.error is not None:
        return ToolOutcome(failure=Failure(stub.error.code, stub.error.message))
    result = stub.result
    return ToolOutcome(result=result if isinstance(result, str) else msgspec.json.encode(result).decode())


async def run_scripted(test: AgentTest, agents: AgentsUnderTest) -> tuple[Event, ...]:
    """Run the test and return the events of the run.

    Raises:
        ConfigurationError: The agent cannot be used.
        NotFoundError: There is no such agent.
        ValidationError: An answer of the test does not fit its question.
    """
    entry = test.entry
    application = join(
        agents.settings_of("scripted"),
        await agents.loaded(test.agent_path),
        MemoryJournal(),
        ScriptedModel(test.turns, name="script"),
        tools=lambda executor: Stubs(entry.tools, executor),
    )
    name = entry.agent_name or application.agents.resolve(None).name
    agent_of(application, name)
    async with application:
        await _prepare(test, application)
        request = StartRun(input=user(entry.input or ""), agent=name, thread_id=THREAD, context=entry.context)
        run_id = (await application.runs.start(PRINCIPAL, request)).run_id
        await _answer_until_end(run_id, list(entry.answers), application)
        return tuple(stored.event for stored in await read_all(application.journal, run_id))


async def _prepare(test: AgentTest, application: Application) -> None:
    """Write the earlier messages and contexts of the conversation to the journal."""
    before, draft = test.entry.thread, Codec().draft
    events: list[Event] = [ThreadCreated(thread_id=THREAD, principal=PRINCIPAL)]
    if before.context:
        events.append(ContextChanged(scope="thread", patch=before.context))
    for entry in before.messages:
        message = Message(role=entry.role, content=(TextPart(entry.content),))
        events.append(MessageAdded(message=message, by=PRINCIPAL))
    appends = [Append(stream=ThreadRef(PRINCIPAL, THREAD).stream, drafts=tuple(map(draft, events)))]
    if before.global_context:
        patch = ContextChanged(scope="global", patch=before.global_context)
        appends.append(Append(stream=principal_stream(PRINCIPAL), drafts=(draft(patch),)))
    await application.journal.commit(Batch(at=application.clock.now(), appends=tuple(appends)))


async def _answer_until_end(run_id: str, answers: list[AnswerEntry], application: Application) -> None:
    """Answer questions until the run ends, or asks one that the test has no answer to."""
    result = await application.runs.wait(run_id, SECONDS)
    while result.status == "paused" and (answer := _take_answer(result, answers)) is not None:
        try:
            await application.runs.answer(PRINCIPAL, run_id, [answer])
        except BaseError as exc:
            raise ValidationError(f"An answer of the test does not fit its question: {exc.message}") from exc
        result = await application.runs.wait(run_id, SECONDS)


def _take_answer(result: RunResult, answers: list[AnswerEntry]) -> HumanAnswer | None:
    """Remove the first answer that fits an open question and return it. None: no answer fits."""
    for entry in answers:
        question = next((row for row in result.approvals if entry.tool in (None, row.tool)), None)
        if question is not None:
            answers.remove(entry)
            return _human_answer(entry, question)
    return None


def _human_answer(entry: AnswerEntry, question: ApprovalRow) -> HumanAnswer:
    return HumanAnswer(approval=question.id, decision=entry.decision, arguments=entry.arguments, result=entry.result)
