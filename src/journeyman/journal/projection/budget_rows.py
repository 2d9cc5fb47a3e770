"""The rows of shared budgets: the reservations of a run's open model calls, and what was charged on a day."""

from __future__ import annotations

from journeyman.events.charging import charge
from journeyman.events.events import ModelFailed, ModelReplied
from journeyman.events.quota import Reservation
from journeyman.journal.tables import Run, Tables


def reserve(tables: Tables, run: Run, call: str, reservation: Reservation) -> None:
    """Store the reservation of a model call that begins."""
    run.reserved[call] = reservation
    tables.save_run(run)


def settle(tables: Tables, run: Run, call: str, event: ModelReplied | ModelFailed | None) -> None:
    """Charge a model call that ended, if it has a reservation. `event` is None if its outcome is unknown."""
    reservation = run.reserved.pop(call, None) if run.reserved else None
    if reservation is not None:
        spend(tables, reservation, *charge(reservation, event))
        tables.save_run(run)


def settle_all(tables: Tables, run: Run) -> None:
    """Charge every open model call of the run its full reservation."""
    for call in list(run.reserved):
        settle(tables, run, call, None)


def spend(tables: Tables, reservation: Reservation, tokens: int, cost_usd: float) -> None:
    """Charge every budget that a reservation was made of."""
    if tokens or cost_usd:
        for budget in reservation.budgets:
            tables.spend(budget, reservation.day, tokens, cost_usd)
