"""Shapes of what a reload and a way back answer."""

from __future__ import annotations

from msgspec import Struct


class ChangeAnswer(Struct, frozen=True):
    """New runs of the agent begin with `version` now; null: it is served no more. `before` null: it is new."""

    agent: str
    version: str | None
    before: str | None


class ReloadAnswer(Struct, frozen=True):
    """Not `applied`: `problems` say why, and everything is as it was. Else they are warnings."""

    applied: bool
    at: str
    changes: tuple[ChangeAnswer, ...]
    problems: tuple[str, ...]


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `version`: the one before the current one."""

    version: str | None = None
