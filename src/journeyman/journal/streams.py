"""Names of streams: a run, a thread or a principal."""

from __future__ import annotations

THREAD = "thread:"
PRINCIPAL = "principal:"


def is_run(stream: str) -> bool:
    return not stream.startswith((THREAD, PRINCIPAL))
