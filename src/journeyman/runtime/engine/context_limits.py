"""Limits on what callers send: the form of thread ids and the size of contexts."""

from __future__ import annotations

import re

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import JSON

CONTEXT_CAP = 32 * 1024  # bytes of JSON, of the thread context and of the global context each
_THREAD_ID = re.compile(r"[A-Za-z0-9._~:@+=-]{1,200}")


def check_thread_id(thread_id: str) -> str:
    """Return the thread id if it is well-formed. Raises ValidationError."""
    if not _THREAD_ID.fullmatch(thread_id) or thread_id in (".", ".."):
        raise ValidationError("A thread id is 1 to 200 of A-Z a-z 0-9 . _ ~ : @ + = - and neither `.` nor `..`.")
    return thread_id


def check_context(context: dict[str, JSON], patch: dict[str, JSON]) -> None:
    """Raise ValidationError if the context would be too large after the patch."""
    if len(msgspec.json.encode(merge_patch(context, patch))) > CONTEXT_CAP:
        raise ValidationError(f"A context holds at most {CONTEXT_CAP // 1024} KiB: keep larger things outside.")
