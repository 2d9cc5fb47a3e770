"""Path and query parameters that several routes share."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator

from journeyman.api.problems import FieldProblem, RequestError
from journeyman.api.schemas.runs import FORMS, LARGEST_INTEGER
from journeyman.events.messages import JSON
from journeyman.ids import RESOURCE_NAME, THREAD_ID, is_resource_name, is_thread_id

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


def _thread_id(value: str) -> str:
    if not is_thread_id(value):
        raise ValueError(FORMS[THREAD_ID])
    return value


def _name(value: str) -> str:
    if not is_resource_name(value):
        raise ValueError(FORMS[RESOURCE_NAME])
    return value


def _plain(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(_PLAIN, value):
        raise ValueError("control characters are not allowed")
    return value


def _dated(value: str | None) -> str | None:
    """Reject numbers, which pydantic would take for seconds or milliseconds, by their size."""
    if value is not None and not _DATE.match(value):
        raise ValueError("a time is RFC 3339, such as 2026-11-28T09:00:00Z")
    return value


def _documented(pattern: str) -> dict[str, JSON]:
    """Return a pattern for the OpenAPI document only, so that pydantic does not put it into its messages."""
    return {"pattern": pattern}


ThreadPath = Annotated[
    str,
    Path(description="The thread's id, as the caller chose it", json_schema_extra=_documented(THREAD_ID)),
    AfterValidator(_thread_id),
]
NamePath = Annotated[str, Path(json_schema_extra=_documented(RESOURCE_NAME)), AfterValidator(_name)]
RunPath = Annotated[
    str, Path(description="The run's id", json_schema_extra=_documented(RESOURCE_NAME)), AfterValidator(_name)
]
ApprovalPath = Annotated[
    str, Path(description="The approval's id", json_schema_extra=_documented(RESOURCE_NAME)), AfterValidator(_name)
]
WaitSeconds = Annotated[float, Query(ge=0, le=60, description="How long to wait for the run to end or pause, at most")]
Text = Annotated[str | None, Query(max_length=200, json_schema_extra=_documented(_PLAIN)), AfterValidator(_plain)]
IdPrefix = Annotated[
    str | None,
    Query(max_length=200, description="The beginning of the id", json_schema_extra=_documented(_PLAIN)),
    AfterValidator(_plain),
]
SearchText = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Only those with this text in their id, title or first message, the newest first",
        json_schema_extra=_documented(_PLAIN),
    ),
    AfterValidator(_plain),
]
VersionName = Annotated[
    str | None,
    Query(
        max_length=200,
        description="One of the `versions`, or the `version` of a run; `current` is that of now",
        json_schema_extra=_documented(_PLAIN),
    ),
    AfterValidator(_plain),
]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the previous page")]
Moment = Annotated[
    datetime | None, Query(description="A time in RFC 3339. Without a zone it is UTC"), BeforeValidator(_dated)
]
PageSize = Annotated[int, Query(ge=1, le=200, description="The largest number of items to return")]
After = Annotated[int | None, Query(ge=0, le=LARGEST_INTEGER, description="Only items after this number")]
Seq = Annotated[int | None, Query(ge=1, le=LARGEST_INTEGER, description="The seq of an event of the run")]


def checked_run_id(value: str) -> str:
    """Return a run's id from a path. Raises RequestError (422)."""
    try:
        return _name(value)
    except ValueError as exc:
        raise RequestError(f"run_id: {exc}", path="path.run_id") from exc


def all_of(*parameters: Callable[[], int]) -> list[int]:
    """Return the values of all parameters. Raises RequestError (422) that names each wrong one."""
    values: list[int] = []
    wrong: list[FieldProblem] = []
    for parameter in parameters:
        try:
            values.append(parameter())
        except RequestError as exc:
            wrong += exc.fields
    if wrong:
        raise RequestError(" ".join(field.message for field in wrong), fields=wrong)
    return values
