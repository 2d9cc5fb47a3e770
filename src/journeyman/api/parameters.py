"""Path and query parameters that many routes share, checked at the door."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator

from journeyman.api.body import LARGEST_INTEGER
from journeyman.api.problems import RequestError
from journeyman.api.schemas import FORMS, NAME, THREAD_ID

_THREAD_ID = re.compile(THREAD_ID)
_NAME = re.compile(NAME)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _thread_id(value: str) -> str:
    if not _THREAD_ID.match(value):
        raise ValueError(FORMS[THREAD_ID])
    return value


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(FORMS[NAME])
    return value


def _plain(value: str | None) -> str | None:
    if value is not None and _CONTROL.search(value):
        raise ValueError("control characters are not allowed")
    return value


ThreadPath = Annotated[str, Path(description="The caller's own id of the thread"), AfterValidator(_thread_id)]
NamePath = Annotated[str, Path(), AfterValidator(_name)]
RunPath = Annotated[str, Path(description="The run's id"), AfterValidator(_name)]
Text = Annotated[str | None, Query(max_length=200), AfterValidator(_plain)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")]
PageSize = Annotated[int, Query(ge=1, le=200, description="How many at most")]
After = Annotated[int | None, Query(ge=0, le=LARGEST_INTEGER, description="Only what comes behind this number")]
Seq = Annotated[int | None, Query(ge=1, le=LARGEST_INTEGER, description="A seq of the run")]


def checked_name(value: str) -> str:
    """A run's id out of a path. Raises RequestError (422)."""
    try:
        return _name(value)
    except ValueError as exc:
        raise RequestError(f"run_id: {exc}", path="path.run_id") from exc
