"""Limits on what callers send: the form of thread ids and the size of contexts."""

from __future__ import annotations

import msgspec

from journeyman.errors import ValidationError
from journeyman.events.merge_patch import merge_patch
from journeyman.events.messages import JSON
from journeyman.events.server_context import client_part, has_server_keys, server_part
from journeyman.ids import is_thread_id

CONTEXT_CAP = 32 * 1024  # bytes of JSON, of the thread context and of the global context each


def check_thread_id(thread_id: str) -> str:
    """Return the thread id if it is well-formed. Raises ValidationError."""
    if not is_thread_id(thread_id):
        raise ValidationError("A thread id is 1 to 200 of A-Z a-z 0-9 . _ ~ : @ + = - and neither `.` nor `..`.")
    return thread_id


def check_context(context: dict[str, JSON], patch: dict[str, JSON]) -> None:
    """Raise ValidationError if a patch changes the server's part, or if the context would be too large after it."""
    if has_server_keys(patch):
        text = "A key of a context cannot begin with `$server.`: tools and nodes alone write the server's part."
        raise ValidationError(text)
    check_context_size(client_part(context), patch)


def check_context_of_code(context: dict[str, JSON], patch: dict[str, JSON]) -> None:
    """Raise ValidationError if a part of the context would be too large after a patch by a tool or a node."""
    if has_server_keys(patch):
        check_context_size(server_part(context), server_part(patch))
        patch = client_part(patch)
    check_context_size(client_part(context), patch)


def check_context_size(context: dict[str, JSON], patch: dict[str, JSON]) -> None:
    """Raise ValidationError if the context would be too large after the patch."""
    if len(msgspec.json.encode(merge_patch(context, patch))) > CONTEXT_CAP:
        raise ValidationError(f"A context holds at most {CONTEXT_CAP // 1024} KiB: keep larger things outside.")
