"""The question whether a run may go on beyond a limit, and the limits that humans have raised. Pure."""

from __future__ import annotations

from typing import Literal, TypeGuard

import msgspec

from journeyman.events.events import ApprovalGiven, ApprovalRequested, AskedLimit, RunPaused
from journeyman.events.messages import JSON

replace = msgspec.structs.replace


class LimitQuestion(msgspec.Struct, frozen=True):
    """The last question about a limit. An answered one is kept until the run acts on the answer."""

    approval: str
    asked: AskedLimit
    status: Literal["waiting", "approved", "denied"] = "waiting"

    def answered_by(self, event: ApprovalGiven) -> LimitQuestion:
        """Return the question with this answer."""
        return replace(self, status="approved" if event.decision == "approve" else "denied")

    def after_pause(self, event: RunPaused) -> LimitQuestion | None:
        """Return the question after a pause, or None if the run has acted on the answer before it paused.

        A pause that still names the question was recorded by a runner that did not know of the answer.
        """
        return None if self.status == "approved" and self.approval not in event.waiting_for else self


def limit_question_of(event: ApprovalRequested) -> LimitQuestion | None:
    """Return the question that this event asks about a limit. None: it asks something else."""
    return LimitQuestion(event.approval, event.limit) if event.limit is not None else None


def new_limit(event: ApprovalGiven, asked: AskedLimit) -> float:
    """Return the value that an approved limit has from now on. An answer without a value allows the highest."""
    value = (event.arguments or {}).get(asked.name)
    return value if is_number(value) else asked.up_to


def is_number(value: JSON) -> TypeGuard[int | float]:
    """Return whether a JSON value is a number. `true` and `false` are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
