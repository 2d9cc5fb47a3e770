"""POST /execute_tool: one tool call, recorded as a run without an agent."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from journeyman.api import openapi
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, read_json
from journeyman.api.requests import key_of, payer_of
from journeyman.api.responses import send_json, tool_call_answer
from journeyman.api.schemas.runs import ExecuteToolAnswer, ExecuteToolRequest
from journeyman.api.security.request_context import context_of
from journeyman.runtime.use_cases.requests import RunResult, StartCall

PATH = "/execute_tool"


class ExecuteTool:
    """Plain ASGI, like `/process`."""

    def __init__(self, ports: ApiDependencies) -> None:
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = context_of(scope)
        raw = await read_json(visit.headers, receive, self._ports.limits)
        body = convert(raw, ExecuteToolRequest)
        call = StartCall(
            tool=body.tool_name,
            arguments=body.arguments,
            agent=body.agent,
            unlisted=visit.known.may("admin"),
            key=key_of(visit, PATH, raw),
            payer=payer_of(visit),
            request_id=visit.request_id,
            trace_id=visit.trace_id,
            caller_span=visit.caller_span,
        )
        started = await self._ports.runs.call(visit.principal, call)
        result = await self._ports.runs.wait(started.run_id, self._ports.request_wait_seconds)
        await send_json(send, _status(result), tool_call_answer(result), [(b"x-run-id", result.run_id.encode())])


def _status(result: RunResult) -> int:
    """202: it waits for a human, or takes longer than this request may."""
    return 202 if result.status in ("queued", "running", "paused") else 200


OPERATION: openapi.Operation = {
    "tags": ["tools"],
    "summary": "Call one tool",
    "operationId": "execute_tool",
    "description": "200 with `error` when the tool ran and failed, 202 when an approval is needed.",
    "parameters": [openapi.IDEMPOTENCY_KEY],
    **openapi.accepts(ExecuteToolRequest),
    "responses": {
        "200": {"description": "The tool ran", "content": openapi.content(openapi.ref(ExecuteToolAnswer))},
        "202": {
            "description": "The call waits for a human, or goes on",
            "content": openapi.content(openapi.ref(ExecuteToolAnswer)),
        },
        **openapi.problems(),
    },
}
