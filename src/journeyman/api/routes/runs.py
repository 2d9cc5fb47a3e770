"""Routes of runs: list, read, cancel, answer, fork, retry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, read_route_body
from journeyman.api.openapi import IDEMPOTENT, accepts, lists, response_schema
from journeyman.api.paging import cut
from journeyman.api.parameters import Cursor, IdPrefix, Moment, PageSize, RunPath, Seq, Text
from journeyman.api.requests import answer_of, fork_of, key_of, request_origin
from journeyman.api.responses import (
    explanations_answer,
    json_response,
    page,
    partial_page,
    process_answer,
    run_answer,
    run_summary,
    state_answer,
)
from journeyman.api.schemas.runs import (
    CancelledRuns,
    CancelWaitingRequest,
    ExplanationsAnswer,
    ForkRequest,
    ProcessAnswer,
    ReleasedRun,
    ResumeRequest,
    RunAnswer,
    RunSummary,
    StateAnswer,
    ToolOutputAnswer,
)
from journeyman.api.security.request_context import context_of, request_principal
from journeyman.events.codec import rfc3339
from journeyman.events.streams import ThreadRef
from journeyman.journal.journal import RunFilter, RunStatus
from journeyman.runtime.use_cases.requests import RetryRun
from journeyman.runtime.use_cases.waiting_runs import WaitingFilter

CANCEL_SECONDS = 1.0  # how long the answer to a cancel waits for the run's end

Status = Annotated[RunStatus | None, Query()]


def run_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /runs, except that of their events."""
    router = APIRouter(tags=["runs"])
    _add_list(router, dependencies)
    _add_single(router, dependencies)
    _add_explanations(router, dependencies)
    _add_tool_output(router, dependencies)
    _add_changes(router, dependencies)
    _add_release(router, dependencies)
    _add_fork(router, dependencies)
    _add_retry(router, dependencies)
    return router


def _add_list(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get(
        "/runs", operation_id="list_runs", summary="Runs, newest first", responses=lists(RunSummary, partial=True)
    )
    async def list_runs(
        request: Request,
        id: IdPrefix = None,
        status: Status = None,
        agent: Text = None,
        thread: Text = None,
        tool: Text = None,
        parent: Text = None,
        error_code: Text = None,
        error_id: Text = None,
        request_id: Text = None,
        trace_id: Text = None,
        since: Moment = None,
        until: Moment = None,
        cursor: Cursor = None,
        limit: PageSize = 50,
    ) -> Response:
        principal = request_principal(request)
        where = RunFilter(
            id=id,
            status=status,
            agent=agent,
            thread=None if thread is None else ThreadRef(principal, thread).key,
            tool=tool,
            parent=parent,
            error_code=error_code,
            error_id=error_id,
            request_id=request_id,
            trace_id=trace_id,
            since=_microseconds(since),
            until=_microseconds(until),
        )
        rows = await dependencies.runs.list(principal, where, cursors.number_place("runs", cursor), limit + 1)
        shown, following = cut(rows, limit, "runs", lambda row: row.accepted_no)
        digests = await dependencies.runs.digests(shown)
        items = [run_summary(row, digests[row.id]) for row in shown]
        if following is None and rows.stopped_at is not None:
            return partial_page(items, cursors.encode_cursor("runs", rows.stopped_at))
        return page(items, following)


def _add_single(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get("/runs/{run_id}", operation_id="get_run", summary="One run", responses=response_schema(RunAnswer))
    async def get_run(request: Request, run_id: RunPath) -> Response:
        principal = request_principal(request)
        row = await dependencies.runs.get(principal, run_id)
        return json_response(run_answer(row, await dependencies.runs.result(principal, run_id)))

    @router.get(
        "/runs/{run_id}/state",
        operation_id="get_run_state",
        summary="A run's state, now or after the event `at`",
        responses=response_schema(StateAnswer),
    )
    async def get_state(request: Request, run_id: RunPath, at: Seq = None) -> Response:
        return json_response(state_answer(await dependencies.runs.state(request_principal(request), run_id, at)))


def _add_explanations(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get(
        "/runs/{run_id}/why",
        operation_id="explain_run",
        summary="Why the run asked, waited, retried, stopped, and what it cost",
        responses=response_schema(ExplanationsAnswer),
    )
    async def explain_run(request: Request, run_id: RunPath) -> Response:
        found = await dependencies.runs.explanations(request_principal(request), run_id)
        return json_response(explanations_answer(found, dependencies.mask))


def _add_tool_output(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get(
        "/runs/{run_id}/tool_output",
        operation_id="list_tool_output",
        summary="What the run's tools printed in worker processes",
        responses=lists(ToolOutputAnswer),
    )
    async def list_tool_output(request: Request, run_id: RunPath) -> Response:
        rows = await dependencies.runs.tool_outputs(request_principal(request), run_id)
        answers = [ToolOutputAnswer(call=row.call, tool=row.tool, at=rfc3339(row.at), text=row.text) for row in rows]
        return page(answers, None)


def _add_changes(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.post(
        "/runs/cancel",
        operation_id="cancel_waiting_runs",
        summary="Cancel runs that wait for what is not here",
        responses=response_schema(CancelledRuns),
        openapi_extra=accepts(CancelWaitingRequest),
    )
    async def cancel_waiting(request: Request) -> Response:
        asked = convert(await read_route_body(request, dependencies.limits), CancelWaitingRequest)
        where = WaitingFilter(waiting_for=asked.waiting_for, agent=asked.agent, older_than=asked.older_than)
        run_ids = await dependencies.waiting.cancel(request_principal(request), where)
        return json_response(CancelledRuns(count=len(run_ids), run_ids=run_ids))

    @router.post(
        "/runs/{run_id}/cancel",
        operation_id="cancel_run",
        summary="Cancel a run",
        responses=response_schema(ProcessAnswer),
        openapi_extra=IDEMPOTENT,
    )
    async def cancel_run(request: Request, run_id: RunPath) -> Response:
        context = context_of(request.scope)
        key = key_of(context, f"/runs/{run_id}/cancel", None)
        result = await dependencies.runs.cancel(context.principal, run_id, key=key)
        if result.status in ("queued", "running"):
            result = await dependencies.runs.wait(run_id, CANCEL_SECONDS)
        return json_response(process_answer(result))

    @router.post(
        "/runs/{run_id}/resume",
        operation_id="resume_run",
        summary="Answer a run's approvals",
        responses=response_schema(ProcessAnswer),
        openapi_extra={**accepts(ResumeRequest), **IDEMPOTENT},
    )
    async def resume_run(request: Request, run_id: RunPath) -> Response:
        context = context_of(request.scope)
        raw = await read_route_body(request, dependencies.limits)
        given = tuple(map(answer_of, convert(raw, ResumeRequest).answers))
        key, anyone = key_of(context, f"/runs/{run_id}/resume", raw), context.known.may("approve:any")
        result = await dependencies.runs.answer(
            context.principal, run_id, given, anyone=anyone, key=key, credential=context.known.credential
        )
        return json_response(process_answer(result))


def _add_release(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.post(
        "/runs/{run_id}/release",
        operation_id="release_run",
        summary="Let a held run go on, of any principal",
        responses=response_schema(ReleasedRun),
    )
    async def release_run(run_id: RunPath) -> Response:
        await dependencies.held.release(run_id)
        return json_response(ReleasedRun(run_id=run_id))


def _add_fork(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.post(
        "/runs/{run_id}/fork",
        operation_id="fork_run",
        summary="A new run on a new thread that begins as this one did",
        status_code=202,
        responses=response_schema(ProcessAnswer, status=202, text="The fork is durable and runs"),
        openapi_extra={**accepts(ForkRequest), **IDEMPOTENT},
    )
    async def fork_run(request: Request, run_id: RunPath) -> Response:
        context = context_of(request.scope)
        raw = await read_route_body(request, dependencies.limits)
        key = key_of(context, f"/runs/{run_id}/fork", raw)
        started = await dependencies.forks.fork(
            context.principal, fork_of(run_id, convert(raw, ForkRequest), context, key)
        )
        return json_response(process_answer(await dependencies.runs.wait(started.run_id, 0.0)), 202)


def _add_retry(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.post(
        "/runs/{run_id}/retry",
        operation_id="retry_run",
        summary="A new run on the same thread that goes on from before this one failed",
        status_code=202,
        responses=response_schema(ProcessAnswer, status=202, text="The new run is durable and runs"),
        openapi_extra=IDEMPOTENT,
    )
    async def retry_run(request: Request, run_id: RunPath) -> Response:
        context = context_of(request.scope)
        key = key_of(context, f"/runs/{run_id}/retry", None)
        retry = RetryRun(run_id=run_id, key=key, origin=request_origin(context))
        started = await dependencies.forks.retry(context.principal, retry)
        return json_response(process_answer(await dependencies.runs.wait(started.run_id, 0.0)), 202)


def _microseconds(moment: datetime | None) -> int | None:
    """Return a time in µs since the epoch. Without a zone it is UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)
