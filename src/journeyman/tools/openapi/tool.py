"""Makes a tool of an operation: its name, its effects and its spec."""

from __future__ import annotations

import hashlib
import re

import msgspec

from journeyman.events.messages import JSON
from journeyman.tools.openapi.credential import Credential
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.openapi.operation import Operation, ReadOperation
from journeyman.tools.spec import Effects, ToolPolicy, ToolSpec

NAME_CAP = 64  # characters, the most that model providers allow

_EFFECTS: dict[str, Effects] = {"GET": "none", "HEAD": "none", "PUT": "idempotent", "DELETE": "idempotent"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def operation_tool_name(api: str, operation_id: str) -> str:
    """Return `api__operationId` in `[A-Za-z0-9_-]`. A name of more than 64 characters is cut and ends in a hash."""
    name = f"{api}__{_UNSAFE.sub('_', operation_id)}"
    if len(name) <= NAME_CAP:
        return name
    return f"{name[: NAME_CAP - 9]}_{hashlib.sha256(operation_id.encode()).hexdigest()[:8]}"


def openapi_tool(
    api: str, read: ReadOperation, base: str, credentials: tuple[Credential, ...], source: str
) -> OpenApiTool:
    """Return the tool of an operation. The method decides its effects; POST and PATCH count as undeclared `once`."""
    operation = read.operation
    effects = _EFFECTS.get(operation.method)
    spec = ToolSpec(
        name=operation_tool_name(api, operation.id),
        description=read.description,
        parameters=read.schema,
        source=source,
        code_hash=_hash(operation, base, credentials, read),
        policy=ToolPolicy(effects=effects or "once", declared=effects is not None),
    )
    return OpenApiTool(spec=spec, operation=operation, base=base, credentials=credentials)


def _hash(operation: Operation, base: str, credentials: tuple[Credential, ...], read: ReadOperation) -> str:
    """Return a hash of all that decides what a call does, without the values of credentials.

    One header stands for itself, as when there was no more than one.
    """
    places: JSON = [[each.place, each.name] for each in credentials] or None
    if len(credentials) == 1 and credentials[0].place == "header":
        places = credentials[0].name
    what = (operation, base, places, read.schema)
    return hashlib.sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()[:16]
