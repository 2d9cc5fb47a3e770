"""The OpenAPI document: the routes that FastAPI knows, and the schemas of their request and response bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from journeyman import ids
from journeyman.agents.graph.drawing import GraphPicture
from journeyman.api.problems import ProblemDetails
from journeyman.api.schemas import agents as agent_schemas
from journeyman.api.schemas import files as file_schemas
from journeyman.api.schemas import keys as key_schemas
from journeyman.api.schemas import overview as overview_schemas
from journeyman.api.schemas import runs as schemas
from journeyman.api.schemas import settings as setting_schemas
from journeyman.api.security.scopes import ANY, OPEN, required_scope
from journeyman.events.messages import TextPart

TITLE = "Journeyman"
DESCRIPTION = (
    "Durable agents over HTTP, SSE and WebSocket. Errors are `application/problem+json` (RFC 9457). "
    "A body's strings may not contain NUL (U+0000), and its integers may not exceed 2^53."
)
_REF = "#/components/schemas/{name}"
_SCHEME = "credential"
_SCHEMES = {
    _SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key or a JSON Web Token. With `AUTH_MODE=off` none is needed. The words are scopes.",
    }
}
_PROBLEM = {"$ref": _REF.format(name="ProblemDetails")}
_MODELS = (
    schemas.ProcessRequest,
    schemas.ExecuteToolRequest,
    schemas.CancelWaitingRequest,
    schemas.CancelledRuns,
    schemas.ReleasedRun,
    schemas.CreateThread,
    schemas.RenameThread,
    schemas.AddMessage,
    schemas.ResumeRequest,
    schemas.ForkRequest,
    key_schemas.PruneRequest,
    agent_schemas.RollbackRequest,
    agent_schemas.ChangeAnswer,
    agent_schemas.ReloadAnswer,
    key_schemas.KeyQuota,
    key_schemas.CreateKey,
    key_schemas.RotateKey,
    key_schemas.KeyAnswer,
    key_schemas.MadeKey,
    key_schemas.CallerAnswer,
    schemas.OutcomeAnswer,
    schemas.ProcessAnswer,
    schemas.ExecuteToolAnswer,
    schemas.RunSummary,
    schemas.RunAnswer,
    schemas.ErrorGroup,
    schemas.ToolOutputAnswer,
    schemas.StateAnswer,
    schemas.ExplanationAnswer,
    schemas.ExplanationsAnswer,
    schemas.EventAnswer,
    schemas.ThreadAnswer,
    schemas.MessageAnswer,
    schemas.AddedMessage,
    file_schemas.FileAnswer,
    file_schemas.PicturePart,
    file_schemas.DocumentPart,
    agent_schemas.ToolAnswer,
    agent_schemas.CacheCleared,
    key_schemas.Pruned,
    agent_schemas.AgentSummary,
    agent_schemas.AgentAnswer,
    GraphPicture,
    schemas.ApprovalAnswer,
    overview_schemas.OverviewAnswer,
    setting_schemas.SettingAnswer,
    schemas.Health,
    ProblemDetails,
)

Operation = dict[str, Any]
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": ids.IDEMPOTENCY_KEY},
    "description": (
        "Makes a retry safe: the same key with the same body returns the first answer again; with another body it is "
        "rejected."
    ),
}
IDEMPOTENT: Operation = {"parameters": [IDEMPOTENCY_KEY]}  # for `openapi_extra`
RUN_HEADERS = {
    "X-Run-Id": {"schema": {"type": "string"}, "description": "The run"},
    "X-Thread-Id": {"schema": {"type": "string"}, "description": "Its thread"},
}


def ref(model: type) -> dict[str, Any]:
    """Return a reference to the schema of a model."""
    return {"$ref": _REF.format(name=model.__name__)}


def content(schema: Mapping[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """Describe a body of this media type."""
    return {media_type: {"schema": schema}}


def accepts(model: type | None = None, **more: Any) -> Operation:
    """Describe a route's request body: a model, with additions to its schema, or a JSON Merge Patch without one."""
    schema = {"type": "object"} if model is None else {**ref(model), **more}
    return {"requestBody": {"required": True, "content": content(schema)}}


def response_schema(model: type | None = None, *, status: int = 200, text: str = "Successful") -> dict[int | str, Any]:
    """Describe a route's answer: a model, or any JSON object without one."""
    schema = {"type": "object"} if model is None else ref(model)
    return {status: {"description": text, "content": content(schema)}, **problems()}


def lists(model: type, *, partial: bool = False) -> dict[int | str, Any]:
    """Describe a page: its items, and the cursor of the next page. `partial`: the search for them may be broken off."""
    schema = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": ref(model)},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
    if partial:
        schema["properties"]["partial"] = {"type": "boolean"}  # type: ignore[index]
    return {200: {"description": "A page", "content": content(schema)}, **problems()}


def problems() -> dict[int | str, Any]:
    """Describe the errors of a route."""
    return {
        status: {"description": text, "content": content(_PROBLEM, "application/problem+json")}
        for status, text in (("4XX", "The request is not acceptable"), ("5XX", "The server failed to answer it"))
    }


def document(
    app: FastAPI, version: str, operations: Mapping[str, Mapping[str, Operation]], models: Sequence[type] = ()
) -> dict[str, Any]:
    """Build the document. `operations` describes the routes that FastAPI does not know, by path and method.

    `models` are the bodies of these, beside this API's own.
    """
    built = get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=app.routes)
    for path, methods in operations.items():
        built["paths"].setdefault(path, {}).update(methods)
    _, components = msgspec.json.schema_components((*_MODELS, *models), ref_template=_REF)
    known = built.setdefault("components", {}).setdefault("schemas", {})
    known.update(components)
    _dedent(known)
    _describe_parts(known)
    for generated in ("HTTPValidationError", "ValidationError"):  # FastAPI's own: this API answers with ProblemDetails
        known.pop(generated, None)
    for path, methods in built["paths"].items():
        for method, operation in methods.items():
            operation["responses"].pop("422", None)
            operation["security"] = _security(method, path)
    built["paths"] = dict(sorted(built["paths"].items()))
    built["components"]["schemas"] = dict(sorted(known.items()))
    built["components"]["securitySchemes"] = _SCHEMES
    return built


def _dedent(schemas: dict[str, Any]) -> None:
    """Remove the indentation of docstrings, which Markdown would show as code."""
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])


def _describe_parts(known: dict[str, Any]) -> None:
    """Document the parts of messages in requests as they are accepted: text, or a stored file by its id."""
    parts = [ref(model) for model in (TextPart, file_schemas.PicturePart, file_schemas.DocumentPart)]
    for model, field in (
        ("ProcessRequest", "user_input"),
        ("AddMessage", "content"),
        ("MessageEditRequest", "content"),
    ):
        for option in known[model]["properties"][field]["anyOf"]:
            if "items" in option:
                option["items"] = {"anyOf": parts}


def _security(method: str, path: str) -> list[dict[str, list[str]]]:
    scope = required_scope(method.upper(), path)
    if scope == OPEN:
        return []
    return [{_SCHEME: [] if scope == ANY else [scope]}]
