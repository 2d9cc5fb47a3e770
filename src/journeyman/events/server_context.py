"""The server's part of a thread's context, which tools and nodes write and no client does. Pure.

Its keys are stored in the thread's context with a prefix that clients cannot use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from journeyman.events.messages import JSON

_PREFIX = "$server."


def has_server_keys(patch: Iterable[str]) -> bool:
    """Return whether a stored context, or a patch of it, has keys of the server's part."""
    return any(key.startswith(_PREFIX) for key in patch)


def client_part(context: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the stored context of a thread without the server's part."""
    return {key: value for key, value in context.items() if not key.startswith(_PREFIX)}


def server_part(context: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the server's part of a thread's stored context."""
    return {key.removeprefix(_PREFIX): value for key, value in context.items() if key.startswith(_PREFIX)}


def stored_patch(patch: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a patch of the server's part as one of the thread's stored context."""
    return {_PREFIX + key: value for key, value in patch.items()}


def readable_contexts(thread: Mapping[str, JSON], global_: Mapping[str, JSON]) -> dict[str, Mapping[str, JSON]]:
    """Return what conditions and prompts read as `context`."""
    if not has_server_keys(thread):
        return {"thread": thread, "global": global_, "server": {}}
    return {"thread": client_part(thread), "global": global_, "server": server_part(thread)}
