"""From an operation to a tool: its name, its effects, its spec."""

from __future__ import annotations

import hashlib
import re

import msgspec

from journeyman.tools.openapi.invoker import Credential, OpenApiTool
from journeyman.tools.openapi.operation import Operation, ReadOperation
from journeyman.tools.spec import Effects, ToolPolicy, ToolSpec

NAME_CAP = 64  # characters: what model providers take

_EFFECTS: dict[str, Effects] = {"GET": "none", "HEAD": "none", "PUT": "idempotent", "DELETE": "idempotent"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def operation_tool_name(api: str, operation_id: str) -> str:
    """`api__operationId` in letters, digits, `_` and `-`; a longer one than 64 is cut and ends in a hash."""
    name = f"{api}__{_UNSAFE.sub('_', operation_id)}"
    if len(name) <= NAME_CAP:
        return name
    return f"{name[: NAME_CAP - 9]}_{hashlib.sha256(operation_id.encode()).hexdigest()[:8]}"


def openapi_tool(
    api: str, reading: ReadOperation, base: str, credential: Credential | None, source: str
) -> OpenApiTool:
    """The tool. Its effects follow from the method; a POST or a PATCH says nothing: once, not declared."""
    operation = reading.operation
    effects = _EFFECTS.get(operation.method)
    spec = ToolSpec(
        name=operation_tool_name(api, operation.id),
        description=reading.description,
        parameters=reading.schema,
        source=source,
        code_hash=_hash(operation, base, credential, reading),
        policy=ToolPolicy(effects=effects or "once", declared=effects is not None),
    )
    return OpenApiTool(spec=spec, operation=operation, base=base, credential=credential)


def _hash(operation: Operation, base: str, credential: Credential | None, reading: ReadOperation) -> str:
    """Of all that decides what a call does, the credential's value excepted."""
    what = (operation, base, credential and credential.header, reading.schema)
    return hashlib.sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()[:16]
