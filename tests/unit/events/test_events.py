"""The events themselves: a closed, frozen union whose defaults are left out of what is stored."""

from __future__ import annotations

import dataclasses
from typing import get_args

import msgspec
import pytest

from journeyman.events.codec import EVENT_TYPES
from journeyman.events.events import ROOT, Event, ModelCalled, Path, RunFinished, RunStarted


def test_every_event_has_a_type_name_and_a_version() -> None:
    assert set(EVENT_TYPES.values()) == set(get_args(Event))
    assert all(kind.VERSION >= 1 for kind in get_args(Event))


def test_events_are_frozen() -> None:
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        RunFinished(output="a").output = "b"  # type: ignore[misc]


def test_defaults_are_not_stored() -> None:
    assert msgspec.json.encode(RunStarted(epoch=1)) == b'{"epoch":1}'
    assert b"path" not in msgspec.json.encode(ModelCalled(call="m1", model="m", path=ROOT))


def test_a_step_of_a_graph_says_where_it_happened() -> None:
    stored = msgspec.json.encode(ModelCalled(call="m1", model="m", path=Path("a#1.0", "plan", 2)))
    assert msgspec.json.decode(stored)["path"] == {"branch": "a#1.0", "node": "plan", "visit": 2}
