"""The line that a server prints once it takes requests."""

from __future__ import annotations

from collections.abc import Collection

from journeyman.server.application import MAX_COUNTED_APPROVALS


def ready_line(url: str, agents: Collection[str], models: str, *, resumed: int, waiting: int) -> str:
    """Return the line: address, agents, what was resumed, what waits for a human, and the models.

    `resumed` counts runs that were in progress when the process before ended, `waiting` open approvals.
    """
    parts = [", ".join(sorted(agents)) or "no agent"]
    if resumed:
        parts.append(f"{_counted(resumed, 'run')} resumed")
    if waiting:
        waits = "waits" if waiting == 1 else "wait"
        parts.append(f"{_counted(waiting, 'approval', MAX_COUNTED_APPROVALS)} {waits}: see `journeyman approvals`")
    shown = f", models: {models}" if models else ""
    return f"Journeyman is ready on {url} ({', '.join(parts)}){shown}"


def _counted(count: int, noun: str, most: int | None = None) -> str:
    """Return a count with its noun, such as `1 run` and `2 runs`. Beyond `most` it is not exact."""
    if most is not None and count > most:
        return f"more than {most} {noun}s"
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
