"""Shared budgets as rows: what is set aside for the open model calls of a run, and what was charged on a day."""

from __future__ import annotations

from journeyman.events.charging import charge
from journeyman.events.events import ModelFailed, ModelReplied
from journeyman.events.quota import Reservation
from journeyman.journal.tables import Run, Tables


def set_aside(tables: Tables, run: Run, call: str, reserved: Reservation) -> None:
    run.reserved[call] = reserved
    tables.save_run(run)


def settle(tables: Tables, run: Run, call: str, event: ModelReplied | ModelFailed | None) -> None:
    reserved = run.reserved.pop(call, None) if run.reserved else None
    if reserved is not None:
        spend(tables, reserved, *charge(reserved, event))
        tables.save_run(run)


def settle_all(tables: Tables, run: Run) -> None:
    for call in list(run.reserved):
        settle(tables, run, call, None)


def spend(tables: Tables, reserved: Reservation, tokens: int, cost_usd: float) -> None:
    if tokens or cost_usd:
        for budget in reserved.budgets:
            tables.spend(budget, reserved.day, tokens, cost_usd)
