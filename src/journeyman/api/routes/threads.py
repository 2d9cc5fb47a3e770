"""Routes of threads: conversations with their messages, runs and context."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from journeyman.api import paging as cursors
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.json_body import convert, merge_patch_of, read_route_body
from journeyman.api.openapi import IDEMPOTENT, accepts, lists, problems, response_schema
from journeyman.api.paging import cut
from journeyman.api.parameters import After, Cursor, IdPrefix, PageSize, SearchText, ThreadPath
from journeyman.api.requests import key_of, user_message
from journeyman.api.responses import json_response, page, partial_page, run_summary
from journeyman.api.schemas.runs import (
    AddedMessage,
    AddMessage,
    CreateThread,
    MessageAnswer,
    RenameThread,
    RunSummary,
    ThreadAnswer,
)
from journeyman.api.security.request_context import context_of, request_principal
from journeyman.events.codec import rfc3339
from journeyman.events.server_context import client_part
from journeyman.events.streams import ThreadRef, run_of_stream
from journeyman.journal.journal import MessageRow, RunFilter, ThreadRow

Order = Annotated[
    Literal["id", "newest"],
    Query(description="By id, or the thread that was updated last first, as also with a beginning of the `id`"),
]


def thread_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /threads."""
    router = APIRouter(tags=["threads"])
    _add_collection(router, dependencies)
    _add_single(router, dependencies)
    _add_messages(router, dependencies)
    _add_context(router, dependencies)
    return router


def _add_collection(router: APIRouter, dependencies: ApiDependencies) -> None:
    made = response_schema(ThreadAnswer, status=201, text="Created")

    @router.post(
        "/threads",
        operation_id="create_thread",
        summary="Make a thread",
        status_code=201,
        responses=made,
        openapi_extra={**accepts(CreateThread), **IDEMPOTENT},
    )
    async def create_thread(request: Request) -> Response:
        context = context_of(request.scope)
        raw = await read_route_body(request, dependencies.limits)
        body = convert(raw, CreateThread)
        key = key_of(context, "/threads", raw)
        row = await dependencies.threads.create(context.principal, body.thread_id, body.title, body.meta, key=key)
        return json_response(thread_answer(row, ""), 201)

    @router.get(
        "/threads", operation_id="list_threads", summary="The threads", responses=lists(ThreadAnswer, partial=True)
    )
    async def list_threads(
        request: Request,
        order: Order = "id",
        id: IdPrefix = None,
        q: SearchText = None,
        cursor: Cursor = None,
        limit: PageSize = 50,
    ) -> Response:
        principal = request_principal(request)
        stopped_at = None
        if q:
            place = cursors.timed_place("newest", cursor)
            rows, stopped_at = await dependencies.threads.search(principal, q, place, limit + 1)
            shown, following = cut(rows, limit, "newest", _newest_place)
        elif order == "newest" or id:
            place = cursors.timed_place("newest", cursor)
            rows = await dependencies.threads.newest(principal, place, limit + 1, id or "")
            shown, following = cut(rows, limit, "newest", _newest_place)
        else:
            rows = await dependencies.threads.list(principal, cursors.text_place("threads", cursor), limit + 1)
            shown, following = cut(rows, limit, "threads", lambda row: row.key)
        previews = await dependencies.threads.previews(shown)
        items = [thread_answer(row, previews[row.key]) for row in shown]
        if following is None and stopped_at is not None:
            return partial_page(items, cursors.encode_cursor("newest", "{}:{}".format(*stopped_at)))
        return page(items, following)


def _add_single(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get(
        "/threads/{thread_id}", operation_id="get_thread", summary="One thread", responses=response_schema(ThreadAnswer)
    )
    async def get_thread(request: Request, thread_id: ThreadPath) -> Response:
        row = await dependencies.threads.get(request_principal(request), thread_id)
        return json_response(thread_answer(row, (await dependencies.threads.previews([row]))[row.key]))

    @router.patch(
        "/threads/{thread_id}",
        operation_id="rename_thread",
        summary="Give a thread another title",
        responses=response_schema(ThreadAnswer),
        openapi_extra=accepts(RenameThread),
    )
    async def rename_thread(request: Request, thread_id: ThreadPath) -> Response:
        body = convert(await read_route_body(request, dependencies.limits), RenameThread)
        row = await dependencies.threads.rename(request_principal(request), thread_id, body.title)
        return json_response(thread_answer(row, (await dependencies.threads.previews([row]))[row.key]))

    @router.delete(
        "/threads/{thread_id}",
        operation_id="erase_thread",
        summary="Erase a thread and all that was said in it",
        status_code=204,
        responses=problems(),
    )
    async def erase_thread(request: Request, thread_id: ThreadPath) -> Response:
        await dependencies.threads.erase(request_principal(request), thread_id)
        return Response(status_code=204)

    @router.get(
        "/threads/{thread_id}/runs",
        operation_id="list_thread_runs",
        summary="A thread's runs, newest first",
        responses=lists(RunSummary),
    )
    async def list_runs(
        request: Request, thread_id: ThreadPath, cursor: Cursor = None, limit: PageSize = 50
    ) -> Response:
        principal = request_principal(request)
        place = cursors.number_place("runs", cursor)
        await dependencies.threads.get(principal, thread_id)
        where = RunFilter(thread=ThreadRef(principal, thread_id).key)
        rows = await dependencies.runs.list(principal, where, place, limit + 1)
        shown, following = cut(rows, limit, "runs", lambda row: row.accepted_no)
        digests = await dependencies.runs.digests(shown)
        return page([run_summary(row, digests[row.id]) for row in shown], following)


def _add_messages(router: APIRouter, dependencies: ApiDependencies) -> None:
    @router.get(
        "/threads/{thread_id}/messages",
        operation_id="list_messages",
        summary="A thread's messages, in order",
        responses=lists(MessageAnswer),
    )
    async def list_messages(
        request: Request, thread_id: ThreadPath, after: After = None, cursor: Cursor = None, limit: PageSize = 50
    ) -> Response:
        place = cursors.number_place("messages", cursor) or after or 0
        rows = await dependencies.threads.messages(request_principal(request), thread_id, place, limit + 1)
        shown, following = cut(rows, limit, "messages", lambda row: row.no)
        return page([message_answer(row) for row in shown], following)

    @router.post(
        "/threads/{thread_id}/messages",
        operation_id="add_message",
        summary="Add a message without a run",
        status_code=201,
        responses=response_schema(AddedMessage, status=201, text="Added"),
        openapi_extra={**accepts(AddMessage), **IDEMPOTENT},
    )
    async def add_message(request: Request, thread_id: ThreadPath) -> Response:
        context = context_of(request.scope)
        raw = await read_route_body(request, dependencies.limits)
        body = convert(raw, AddMessage)
        if body.role == "assistant":
            context.known.check("fork")
        message = user_message(body.role, body.content)
        message = msgspec.structs.replace(message, pinned=body.pinned)
        key = key_of(context, f"/threads/{thread_id}/messages", raw)
        no = await dependencies.threads.add_message(context.principal, thread_id, message, key=key)
        return json_response(AddedMessage(no), 201)


def _add_context(router: APIRouter, dependencies: ApiDependencies) -> None:
    path = "/threads/{thread_id}/context"

    @router.get(path, operation_id="get_thread_context", summary="A thread's context", responses=response_schema())
    async def get_context(request: Request, thread_id: ThreadPath) -> Response:
        row = await dependencies.threads.get(request_principal(request), thread_id)
        return json_response(client_part(row.context))

    @router.patch(
        path,
        operation_id="patch_thread_context",
        summary="Change a thread's context (JSON Merge Patch)",
        responses=response_schema(),
        openapi_extra=accepts(),
    )
    async def patch_context(request: Request, thread_id: ThreadPath) -> Response:
        patch = await merge_patch_of(request, dependencies.limits)
        context = await dependencies.threads.patch_context(request_principal(request), thread_id, patch)
        return json_response(client_part(context))


def thread_answer(row: ThreadRow, preview: str) -> ThreadAnswer:
    """Describe a thread. `preview` is the beginning of its first message."""
    return ThreadAnswer(
        thread_id=row.thread_id,
        title=row.title,
        preview=preview,
        meta=row.meta,
        active_run=row.active_run,
        messages=row.next_no - 1,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
    )


def _newest_place(row: ThreadRow) -> str:
    return f"{row.updated_at}:{row.key}"


def message_answer(row: MessageRow) -> MessageAnswer:
    """Describe a stored message. It names no run if it was added without one."""
    return MessageAnswer(no=row.no, run_id=run_of_stream(row.stream), at=rfc3339(row.at), message=row.message)
