"""POST /v1/chat/completions: a conversation with an agent, as clients of OpenAI hold it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from journeyman.agents.agent import BaseAgent
from journeyman.api import sse
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.disconnects import cancel_for, leaving_at_eof, wait_or_cancel
from journeyman.api.json_body import ClientDisconnected, convert, read_json
from journeyman.api.problems import RequestError, problem_of
from journeyman.api.protocols.openai_answers import (
    AssistantMessage,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatDelta,
    ChunkChoice,
    chat_usage,
    facts_of,
    finish_reason_of,
    waiting_text,
)
from journeyman.api.protocols.openai_errors import error_of
from journeyman.api.protocols.openai_messages import ChatCompletionRequest, said_of, turn_of
from journeyman.api.protocols.openai_models import served_model
from journeyman.api.protocols.reply_text import ReplyText
from journeyman.api.protocols.run_errors import raise_without_reply, shutting_down
from journeyman.api.requests import key_of, request_origin
from journeyman.api.responses import send_json
from journeyman.api.security.request_context import RequestContext, context_of
from journeyman.auth.authenticator import unauthenticated
from journeyman.errors import BaseError
from journeyman.events.codec import Entry
from journeyman.events.events import ModelReplied
from journeyman.ids import is_thread_id
from journeyman.runtime.engine.frames import Delta, Reconnect, Snapshot
from journeyman.runtime.use_cases.requests import RunResult, StartRun

PATH = "/v1/chat/completions"
_CHAT_IDS = (b"x-openwebui-chat-id", b"x-librechat-conversation-id")
_ENCODER = msgspec.json.Encoder()
_DONE = b"data: [DONE]\n\n"
_OPENING = b": ok\n\n"  # sent first, so that headers are flushed


class _Exchange(NamedTuple):
    """One request: its context and body, and the run that answers it."""

    context: RequestContext
    body: ChatCompletionRequest
    agent: BaseAgent
    run_id: str
    thread_id: str
    created: int

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.run_id}"


class ChatCompletions:
    """The endpoint, as plain ASGI."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies
        self._runs = dependencies.runs
        self._conversations = dependencies.conversations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        raw = await read_json(context, receive, self._dependencies.limits)
        body = convert(raw, ChatCompletionRequest)
        agent = served_model(self._dependencies.agent_registry, body.model)
        check_parameters(body, agent)
        exchange, waiting = await self._begin(context, raw, body, agent)
        receive = leaving_at_eof(scope, receive)  # a client that leaves has pressed its stop button
        if body.stream:
            await self._stream(exchange, waiting, receive, send)
        else:
            await self._answer(exchange, waiting, receive, send)

    async def _begin(
        self, context: RequestContext, raw: Any, body: ChatCompletionRequest, agent: BaseAgent
    ) -> tuple[_Exchange, RunResult | None]:
        """Start the run, unless one of the conversation waits for a human: then return its result too."""
        turn = turn_of(body.model, body.messages)
        place = await self._conversations.find(context.principal, turn.said, _chat_id(context))
        created = self._dependencies.clock.now() // 1_000_000
        if place.waiting is not None:
            waiting = place.waiting
            return _Exchange(context, body, agent, waiting.run_id, waiting.thread_id, created), waiting
        start = StartRun(
            input=turn.input,
            agent=agent.name,
            thread_id=place.thread_id,
            hidden=place.hidden,
            seed=() if place.known else turn.seed,
            stream=bool(body.stream),
            key=key_of(context, PATH, raw),
            origin=request_origin(context),
        )
        started = await self._runs.start(context.principal, start)
        return _Exchange(context, body, agent, started.run_id, started.thread_id, created), None

    async def _answer(self, exchange: _Exchange, waiting: RunResult | None, receive: Receive, send: Send) -> None:
        result = waiting
        if result is None:
            seconds, principal = self._dependencies.request_wait_seconds, exchange.context.principal
            result = await wait_or_cancel(self._runs, principal, exchange.run_id, seconds, receive)
        text = reply_of(result)
        await self._remember(exchange, text)
        answer = ChatCompletion(
            id=exchange.id,
            object="chat.completion",
            created=exchange.created,
            model=exchange.body.model,
            choices=(ChatChoice(0, AssistantMessage("assistant", text), finish_reason_of(result)),),
            usage=chat_usage(result.usage),
            journeyman=facts_of(result),
        )
        await send_json(send, 200, answer, _headers(exchange))

    async def _stream(self, exchange: _Exchange, waiting: RunResult | None, receive: Receive, send: Send) -> None:
        context, clock = exchange.context, self._dependencies.clock
        form = sse.SseForm(_as_it_is, _OPENING, self._error_line(unauthenticated()))
        try:
            await sse.stream(
                receive,
                send,
                self._chunks(exchange, waiting),
                form=form,
                clock=clock,
                limits=self._dependencies.limits,
                headers=_headers(exchange),
                is_valid=context.is_valid,
            )
        except ClientDisconnected:
            if waiting is None:
                await cancel_for(self._runs, context.principal, exchange.run_id)
            raise

    async def _chunks(self, exchange: _Exchange, waiting: RunResult | None) -> AsyncGenerator[bytes, None]:
        yield _chunk(exchange, ChatDelta(role="assistant", content=""))
        reply = ReplyText()
        try:
            if waiting is None:
                async for text in self._texts(exchange, reply):
                    yield _chunk(exchange, ChatDelta(content=text))
            result = waiting or await self._runs.wait(exchange.run_id, 0)
            if text := reply.ended(reply_of(result)):
                yield _chunk(exchange, ChatDelta(content=text))
        except BaseError as exc:
            yield self._error_line(exc)
            return
        await self._remember(exchange, reply.sent)
        for line in _last_chunks(exchange, result):
            yield line

    async def _texts(self, exchange: _Exchange, reply: ReplyText) -> AsyncGenerator[str, None]:
        """Yield what the agent says until its run ends or pauses. Raises ResourceError if the server shuts down."""
        whole = exchange.agent.spec.output is not None  # of JSON, only the answer is of use
        frames = self._runs.watch(exchange.context.principal, exchange.run_id, until_pause=True)
        try:
            async for frame in frames:
                if type(frame) is Reconnect:
                    raise shutting_down(exchange.run_id, exchange.thread_id)
                if not whole and (text := _text_of(frame, reply)):
                    yield text
        finally:
            await frames.aclose()

    async def _remember(self, exchange: _Exchange, reply: str) -> None:
        said = said_of(exchange.body.model, exchange.body.messages, reply)
        await self._conversations.remember(exchange.context.principal, said, exchange.run_id)

    def _error_line(self, exc: BaseError) -> bytes:
        problem = problem_of(exc, self._dependencies.ids, self._dependencies.mask)
        return _line(error_of(problem))


def check_parameters(body: ChatCompletionRequest, agent: BaseAgent) -> None:
    """Raise RequestError for what an agent cannot do. Other sampling parameters are its own, and are ignored."""
    if body.n not in (None, 1):
        raise _unsupported("An agent answers once: `n` must be 1.", "n")
    if body.tools:
        text = "Tools of the caller are not supported: the agent has its own, which run on the server."
        raise _unsupported(text, "tools")
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return
    output = agent.spec.output
    if output is None:
        text = f"The agent {agent.name!r} declares no `output`, so its answer is text: leave `response_format` out."
        raise _unsupported(text, "response_format")
    if wanted.type == "json_schema" and (wanted.json_schema is None or wanted.json_schema.schema != output.schema):
        text = f"The agent {agent.name!r} declares another `output` than this schema. Send that, or `json_object`."
        raise _unsupported(text, "response_format")


def reply_of(result: RunResult) -> str:
    """Return the reply of a run that has ended or waits for a human. Raises the error of a run that has no reply."""
    if result.status == "paused" and result.approvals:
        return waiting_text(result)
    if result.status == "finished":
        return result.response
    raise_without_reply(result)


def _unsupported(text: str, field: str) -> RequestError:
    return RequestError(text, status=400, code="unsupported_parameter", path=field)


def _text_of(frame: object, reply: ReplyText) -> str:
    if isinstance(frame, Delta):
        return reply.delta(frame.call, frame.attempt, frame.offset, frame.text)
    if isinstance(frame, Snapshot):
        return reply.delta(frame.call, frame.attempt, 0, frame.text)
    if isinstance(frame, Entry) and frame.type == "model_replied":
        event = frame.event
        assert isinstance(event, ModelReplied)
        return reply.replied(event.call, event.attempt, event.message.text)
    return ""


def _last_chunks(exchange: _Exchange, result: RunResult) -> list[bytes]:
    last = ChunkChoice(0, ChatDelta(), finish_reason_of(result))
    lines = [_line(_chunk_of(exchange, (last,), journeyman=facts_of(result)))]
    options = exchange.body.stream_options
    if options is not None and options.include_usage:
        lines.append(_line(_chunk_of(exchange, (), usage=chat_usage(result.usage))))
    return [*lines, _DONE]


def _chunk(exchange: _Exchange, delta: ChatDelta) -> bytes:
    return _line(_chunk_of(exchange, (ChunkChoice(0, delta),)))


def _chunk_of(exchange: _Exchange, choices: tuple[ChunkChoice, ...], **more: Any) -> ChatChunk:
    return ChatChunk(
        id=exchange.id,
        object="chat.completion.chunk",
        created=exchange.created,
        model=exchange.body.model,
        choices=choices,
        **more,
    )


def _line(value: object) -> bytes:
    return b"data: %b\n\n" % _ENCODER.encode(value)


def _as_it_is(line: bytes) -> bytes:
    return line


def _headers(exchange: _Exchange) -> list[tuple[bytes, bytes]]:
    return [(b"x-run-id", exchange.run_id.encode()), (b"x-thread-id", exchange.thread_id.encode())]


def _chat_id(context: RequestContext) -> str | None:
    """Return the thread that a chat client means, by the id of its chat. None: it sent none that can be used."""
    ids = (context.headers.get(name, b"").decode("latin-1") for name in _CHAT_IDS)
    return next((id for id in ids if id and is_thread_id(id)), None)
