"""Routes of files: send one, get one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from journeyman.api.dependencies import ApiDependencies
from journeyman.api.file_body import FileDownload, body_chunks, declared_length
from journeyman.api.json_body import refuse_encoded
from journeyman.api.openapi import problems, response_schema
from journeyman.api.parameters import NamePath, Text
from journeyman.api.problems import RequestError
from journeyman.api.responses import json_response
from journeyman.api.schemas.files import FileAnswer
from journeyman.api.security.request_context import context_of, request_principal
from journeyman.events.codec import rfc3339
from journeyman.journal.journal import FileRow

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
_ANY_BYTES = {"requestBody": {"required": True, "content": _BYTES}}
_DOWNLOAD = {"description": "The file's bytes", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


def file_routes(dependencies: ApiDependencies) -> APIRouter:
    """Return the routes of /files."""
    router = APIRouter(tags=["files"])
    files, limits = dependencies.files, dependencies.limits

    @router.post(
        "/files",
        operation_id="send_file",
        summary="Store a file, whose bytes are the body",
        status_code=201,
        responses=response_schema(FileAnswer, status=201, text="The file is durable"),
        openapi_extra=_ANY_BYTES,
    )
    async def send_file(request: Request, name: Text = None) -> Response:
        context = context_of(request.scope)
        if context.headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
            text = "Send the bytes of the file as the body, not a form: curl --data-binary @FILE."
            raise RequestError(text, status=415, code="not_a_file")
        refuse_encoded(context.headers)
        chunks = body_chunks(context, request.receive, limits)
        row = await files.receive(context.principal, name or "", chunks, declared_length(context.headers))
        return json_response(file_answer(row), 201)

    @router.get(
        "/files/{file_id}",
        operation_id="get_file",
        summary="The bytes of a file",
        responses={200: _DOWNLOAD, **problems()},
    )
    async def get_file(request: Request, file_id: NamePath) -> Response:
        row = await files.get(request_principal(request), file_id)
        return FileDownload(row, files.pieces(row), limits)

    return router


def file_answer(row: FileRow) -> FileAnswer:
    """Describe a stored file."""
    return FileAnswer(
        file_id=row.id,
        name=row.name,
        media_type=row.media_type,
        bytes=row.size,
        created_at=rfc3339(row.added_at),
        width=row.width,
        height=row.height,
    )
