"""POST /execute_tool: one tool call, recorded as a run without an agent."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from journeyman.api import openapi
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, read_json
from journeyman.api.requests import key_of, request_origin
from journeyman.api.responses import send_json, tool_call_answer
from journeyman.api.schemas.runs import ExecuteToolAnswer, ExecuteToolRequest
from journeyman.api.security.request_context import context_of
from journeyman.runtime.use_cases.requests import RunResult, StartCall

PATH = "/execute_tool"


class ExecuteTool:
    """The endpoint, as plain ASGI like that of `/process`."""

    def __init__(self, dependencies: ApiDependencies) -> None:
        self._dependencies = dependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        raw = await read_json(context, receive, self._dependencies.limits)
        body = convert(raw, ExecuteToolRequest)
        call = StartCall(
            tool=body.tool_name,
            arguments=body.arguments,
            agent=body.agent,
            unlisted=context.known.may("admin"),
            key=key_of(context, PATH, raw),
            origin=request_origin(context),
        )
        started = await self._dependencies.runs.call(context.principal, call)
        context.release_body()
        result = await self._dependencies.runs.wait(started.run_id, self._dependencies.request_wait_seconds)
        await send_json(send, _status(result), tool_call_answer(result), [(b"x-run-id", result.run_id.encode())])


def _status(result: RunResult) -> int:
    """Return 202 if the call waits for a human or takes longer than this request may wait, else 200."""
    return 202 if result.status in ("queued", "running", "paused") else 200


OPERATION: openapi.Operation = {
    "tags": ["tools"],
    "summary": "Call one tool",
    "operationId": "execute_tool",
    "description": "Answers 200 if the tool ran, with `error` if it failed, and 202 if it waits for an approval.",
    "parameters": [openapi.IDEMPOTENCY_KEY],
    **openapi.accepts(ExecuteToolRequest),
    "responses": {
        "200": {"description": "The tool ran", "content": openapi.content(openapi.ref(ExecuteToolAnswer))},
        "202": {
            "description": "The call waits for a human, or is still running",
            "content": openapi.content(openapi.ref(ExecuteToolAnswer)),
        },
        **openapi.problems(),
    },
}
