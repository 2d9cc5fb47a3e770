"""POST /process: sends a message to an agent; the answer is plain, streamed or in the background."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from journeyman.api import openapi, sse
from journeyman.api.accept import wants_stream
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.disconnects import cancel_for, leaving_at_eof, wait_or_cancel
from journeyman.api.json_body import ClientDisconnected, convert, read_json
from journeyman.api.requests import key_of, start_of
from journeyman.api.responses import process_answer, raise_gateway_failure, send_json
from journeyman.api.schemas.runs import ProcessAnswer, ProcessRequest
from journeyman.api.security.request_context import RequestContext, context_of
from journeyman.runtime.use_cases.requests import RunResult, Started

PATH = "/process"


class Process:
    """The endpoint, as plain ASGI: it is the most used route."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies
        self._runs = dependencies.runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        raw = await read_json(context, receive, self._dependencies.limits)
        body = convert(raw, ProcessRequest)
        stream = not body.background and wants_stream(context.headers.get(b"accept", b""))
        start = start_of(body, context, stream=stream or body.background, key=key_of(context, PATH, raw))
        started = await self._runs.start(context.principal, start)
        context.release_body()
        if body.on_disconnect == "cancel":
            receive = leaving_at_eof(scope, receive)
        if stream:
            await self._stream(context, body, started, receive, send)
        else:
            await self._answer(await self._wait(context, body, started, receive), send)

    async def _wait(
        self, context: RequestContext, body: ProcessRequest, started: Started, receive: Receive
    ) -> RunResult:
        seconds = 0.0 if body.background else self._dependencies.request_wait_seconds
        if body.on_disconnect == "cancel" and not body.background:
            return await wait_or_cancel(self._runs, context.principal, started.run_id, seconds, receive)
        return await self._runs.wait(started.run_id, seconds)

    async def _answer(self, result: RunResult, send: Send) -> None:
        raise_gateway_failure(result)
        waits = result.status == "paused" and not result.approvals
        status = 202 if waits or result.status in ("queued", "running") else 200
        await send_json(send, status, process_answer(result), _headers(result.run_id, result.thread_id))

    async def _stream(
        self, context: RequestContext, body: ProcessRequest, started: Started, receive: Receive, send: Send
    ) -> None:
        frames = self._runs.watch(context.principal, started.run_id, until_pause=True)
        headers = _headers(started.run_id, started.thread_id)
        clock, limits = self._dependencies.clock, self._dependencies.limits
        try:
            await sse.stream(
                receive, send, frames, clock=clock, limits=limits, headers=headers, is_valid=context.is_valid
            )
        except ClientDisconnected:
            if body.on_disconnect == "cancel":
                await cancel_for(self._runs, context.principal, started.run_id)
            raise


def _headers(run_id: str, thread_id: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-run-id", run_id.encode()), (b"x-thread-id", thread_id.encode())]


OPERATION: openapi.Operation = {
    "tags": ["runs"],
    "summary": "Send a message to an agent",
    "operationId": "process",
    "description": (
        "Waits for the run and returns its result. With `Accept: text/event-stream`, streams the run's events until it "
        "ends or pauses. With `background: true`, answers 202 at once."
    ),
    "parameters": [openapi.IDEMPOTENCY_KEY],
    **openapi.accepts(ProcessRequest),
    "responses": {
        "200": {
            "description": "The run has ended or is paused",
            "headers": openapi.RUN_HEADERS,
            "content": {
                **openapi.content(openapi.ref(ProcessAnswer)),
                **openapi.content({"type": "string"}, "text/event-stream"),
            },
        },
        "202": {
            "description": "The run is still running, or waits for another run of its thread, or for what is not here",
            "content": openapi.content(openapi.ref(ProcessAnswer)),
        },
        **openapi.problems(),
    },
}
