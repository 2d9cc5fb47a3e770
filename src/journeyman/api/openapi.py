"""The OpenAPI document: what FastAPI knows of the routes, and the schemas of what they read and write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from journeyman.agents.graph.drawing import GraphPicture
from journeyman.api.problems import ProblemDetails
from journeyman.api.schemas import agents as agent_schemas
from journeyman.api.schemas import keys as key_schemas
from journeyman.api.schemas import runs as schemas
from journeyman.api.security.scopes import OPEN, required_scope
from journeyman.events.messages import TextPart

TITLE = "Journeyman"
DESCRIPTION = (
    "Durable agents over HTTP, SSE and WebSocket. Errors are `application/problem+json` (RFC 9457). "
    "No string of a body holds NUL (U+0000), and no integer is beyond 2^53."
)
_REF = "#/components/schemas/{name}"
_SCHEME = "credential"
_SCHEMES = {
    _SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key or a JSON Web Token; with `AUTH_MODE=off` nobody is asked. The words are scopes.",
    }
}
_PROBLEM = {"$ref": _REF.format(name="ProblemDetails")}
_MODELS = (
    schemas.ProcessRequest,
    schemas.ExecuteToolRequest,
    schemas.CreateThread,
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
    schemas.ProcessAnswer,
    schemas.ExecuteToolAnswer,
    schemas.RunSummary,
    schemas.RunAnswer,
    schemas.ErrorGroup,
    schemas.StateAnswer,
    schemas.EventAnswer,
    schemas.ThreadAnswer,
    schemas.MessageAnswer,
    schemas.AddedMessage,
    agent_schemas.ToolAnswer,
    agent_schemas.CacheCleared,
    key_schemas.Pruned,
    agent_schemas.AgentSummary,
    agent_schemas.AgentAnswer,
    GraphPicture,
    schemas.ApprovalAnswer,
    schemas.Health,
    ProblemDetails,
)

Operation = dict[str, Any]
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": r"^[!-~]([ -~]{0,253}[!-~])?$"},
    "description": "The same key with the same body gives the first answer again; with another body it is refused.",
}
IDEMPOTENT: Operation = {"parameters": [IDEMPOTENCY_KEY]}  # for `openapi_extra`
RUN_HEADERS = {
    "X-Run-Id": {"schema": {"type": "string"}, "description": "The run"},
    "X-Thread-Id": {"schema": {"type": "string"}, "description": "Its thread"},
}


def ref(model: type) -> dict[str, Any]:
    return {"$ref": _REF.format(name=model.__name__)}


def content(schema: Mapping[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def accepts(model: type | None = None, **more: Any) -> Operation:
    """The documentation of a route's body, with what a model cannot say; without a model, a JSON Merge Patch."""
    schema = {"type": "object"} if model is None else {**ref(model), **more}
    return {"requestBody": {"required": True, "content": content(schema)}}


def response_schema(model: type | None = None, *, status: int = 200, text: str = "Successful") -> dict[int | str, Any]:
    """The documentation of a route's answer; without a model, any JSON object."""
    schema = {"type": "object"} if model is None else ref(model)
    return {status: {"description": text, "content": content(schema)}, **problems()}


def lists(model: type) -> dict[int | str, Any]:
    """The documentation of a page: items and the cursor of the next one."""
    schema = {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": ref(model)},
            "next_cursor": {"type": ["string", "null"]},
        },
    }
    return {200: {"description": "A page", "content": content(schema)}, **problems()}


def problems() -> dict[int | str, Any]:
    return {
        status: {"description": text, "content": content(_PROBLEM, "application/problem+json")}
        for status, text in (("4XX", "The request cannot be served as it is"), ("5XX", "The server could not serve it"))
    }


def document(app: FastAPI, version: str, operations: Mapping[str, Mapping[str, Operation]]) -> dict[str, Any]:
    """The whole document. `operations` describes the routes that FastAPI does not know: path -> method -> operation."""
    made = get_openapi(title=TITLE, version=version, description=DESCRIPTION, routes=app.routes)
    for path, methods in operations.items():
        made["paths"].setdefault(path, {}).update(methods)
    _, components = msgspec.json.schema_components(_MODELS, ref_template=_REF)
    known = made.setdefault("components", {}).setdefault("schemas", {})
    known.update(components)
    _promise_text(known)
    for generated in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; ours are ProblemDetails
        known.pop(generated, None)
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            operation["responses"].pop("422", None)
            operation["security"] = _security(method, path)
    made["paths"] = dict(sorted(made["paths"].items()))
    made["components"]["schemas"] = dict(sorted(known.items()))
    made["components"]["securitySchemes"] = _SCHEMES
    return made


def _promise_text(known: dict[str, Any]) -> None:
    """Of the parts of a message only text is taken yet: the others are known, and refused by name."""
    for model, field in (
        ("ProcessRequest", "user_input"),
        ("AddMessage", "content"),
        ("MessageEditRequest", "content"),
    ):
        for way in known[model]["properties"][field]["anyOf"]:
            if "items" in way:
                way["items"] = ref(TextPart)


def _security(method: str, path: str) -> list[dict[str, list[str]]]:
    scope = required_scope(method.upper(), path)
    return [] if scope == OPEN else [{_SCHEME: [scope]}]
