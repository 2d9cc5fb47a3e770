"""What the writer tells of its commits."""

from __future__ import annotations

import msgspec


class GroupCommitted(msgspec.Struct, frozen=True):
    """The writer made one transaction of what waited: a fact for metrics. Seconds include the sync to the disk."""

    batches: int
    events: int
    seconds: float


def untold(fact: GroupCommitted) -> None:
    """The hook of whoever wants to hear nothing."""
