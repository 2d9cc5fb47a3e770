"""The `limits:` entry of an agent file. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import LimitAskEntry, LimitsEntry
from journeyman.agents.raised_limits import COUNTS
from journeyman.agents.spec import LimitAsk, Limits, OnReached, Reaction

Report = Callable[[YamlPath, str, str | None], None]  # path, message, remedy


def limits_of(entry: LimitsEntry, report: Report) -> Limits:
    """Return the limits of the agent. A limit that can never be raised, though it asks, is reported."""
    reactions: dict[str, Any] = {name: _reaction(entry, name, report) for name in OnReached.__struct_fields__}
    return Limits(**entry.model_dump(exclude={"on_reached"}), on_reached=OnReached(**reactions))


def _reaction(entry: LimitsEntry, name: str, report: Report) -> Reaction | LimitAsk:
    reaction: Reaction | LimitAskEntry = getattr(entry.on_reached, name)
    if not isinstance(reaction, LimitAskEntry):
        return reaction
    limit: float | None = getattr(entry, name)
    up_to, path = reaction.up_to, ("limits", "on_reached", name)
    if limit is None or (name == "repeats" and limit == 0):
        report(path, f"there is no limit `{name}` that could be reached", f"set `limits.{name}`, or remove this")
    elif up_to is None and limit == 0:
        report(path, f"twice the limit `{name}` of 0 is 0, so it can never be raised", "add `up_to`")
    elif up_to is not None and up_to <= limit:
        report((*path, "up_to"), f"`up_to` must be more than the limit `{name}` of {limit:.12g}", "write a higher one")
    elif up_to is not None and name in COUNTS and up_to != int(up_to):
        report((*path, "up_to"), f"`up_to` must be a whole number, since `{name}` counts", "write a whole number")
    return LimitAsk(ask=True, up_to=up_to, by=reaction.by)
