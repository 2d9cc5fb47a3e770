"""Journals of every release fold today to the state that they folded to then."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from journeyman.events.codec import EVENT_TYPES, Entry
from journeyman.events.events import Event
from journeyman.events.fold import AgentState, fold
from journeyman.events.messages import JSON

FILES = sorted((Path(__file__).parent / "journals").rglob("*.jsonl"))


def read(path: Path) -> tuple[list[Entry], dict[str, JSON]]:
    *lines, last = (msgspec.json.decode(line) for line in path.read_bytes().splitlines())
    entries = [Entry(**{**line, "data": msgspec.json.encode(line["data"])}) for line in lines]
    return entries, last["state"]


def folded(entries: list[Entry]) -> AgentState:
    return fold(entries[0].stream, ((entry.seq, entry.at, entry.event) for entry in entries))


def plain(state: AgentState) -> JSON:
    return msgspec.json.decode(msgspec.json.encode(state))


def missing(recorded: Any, now: Any, at: str = "state") -> list[str]:
    """Where today's value says something else; what later releases have added to it does not count."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        return [place for key, value in recorded.items() for place in missing(value, now.get(key), f"{at}.{key}")]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        return [
            place for n, pair in enumerate(zip(recorded, now, strict=True)) for place in missing(*pair, f"{at}[{n}]")
        ]
    return [] if recorded == now else [f"{at}: {recorded!r} is now {now!r}"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_folds_as_it_did(path: Path) -> None:
    entries, recorded = read(path)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert missing(recorded, plain(folded(entries))) == []


def test_every_event_type_is_recorded() -> None:
    seen = {entry.type for path in FILES for entry in read(path)[0]}
    assert seen == set(EVENT_TYPES)
    assert len(seen) == len(get_args(Event))


def test_a_change_would_be_seen() -> None:
    entries, recorded = read(next(path for path in FILES if path.stem == "tools"))
    now = plain(folded(entries[:-1]))
    assert any(place.startswith("state.status") for place in missing(recorded, now))
