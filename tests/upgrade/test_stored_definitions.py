"""A definition is stored byte for byte as 0.1 stored it: runs that wait are told by its hash which one they began with.

The exceptions are defaults that later releases changed: a file that is read today stores them, and a definition that
0.1 stored keeps its meaning without them.

`agents/` holds copies of the examples and of the first project as they were in 0.1, and agents that set each key; they
are never edited, formatted or rewritten: hashes of their code and lines of their tools stand in what is pinned.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.upgrade.definitions import (
    PINNED,
    has_our_code,
    pinned,
    stored,
    versions,
    with_later_defaults,
    without_our_code,
)
from tests.upgrade.old_house import AgentSpec, restricted_to

STORED: dict[str, tuple[bytes, str]] = {}  # by name: an agent with tools starts a process, so each is loaded once


async def stored_today(name: str, folder: Path) -> tuple[bytes, str]:
    if name not in STORED:
        STORED[name] = await stored(name, folder)
    return STORED[name]


@pytest.mark.parametrize("name", PINNED)
async def test_the_stored_form_is_the_same(name: str, tmp_path: Path) -> None:
    data, version = await stored_today(name, tmp_path)
    plain, expected = without_our_code(data), with_later_defaults(pinned(name))
    assert json.loads(plain) == json.loads(expected)  # the readable difference first
    assert plain == expected
    assert version == hashlib.sha256(data).hexdigest()[:16]
    assert has_our_code(data) or expected != pinned(name) or version == versions()[name]


@pytest.mark.parametrize("name", PINNED)
async def test_a_definition_of_0_1_keeps_its_form_and_meaning(name: str, tmp_path: Path) -> None:
    given = {"UPGRADE_SHOP": "a shop", "UPGRADE_KEY": "a key", **PINNED[name][1]}
    spec = AgentSpec.decode(pinned(name), given)
    assert json.loads(spec.encode()) == json.loads(pinned(name))
    assert spec.encode() == pinned(name) or has_our_code(pinned(name))
    assert (spec.limits.on_reached, spec.limits.tokens) == (
        None,
        json.loads(pinned(name))["limits"].get("tokens", 100_000),
    )
    today = AgentSpec.decode((await stored_today(name, tmp_path))[0], given)
    assert restricted_to(spec, today).limits == spec.limits
    assert spec.output is None or spec.output.mode == ""


def test_only_agents_without_built_in_tools_have_a_pinned_version() -> None:
    assert set(PINNED) - set(versions()) == {"support", "trip"}


def test_every_policy_is_set_somewhere() -> None:
    """Each key of a stored tool has a value beside its default in one of them, so that none can be lost unseen."""
    bare = next(tool for tool in json.loads(pinned("as_coded"))["tools"] if tool["name"] == "bare")
    tools = [tool for name in PINNED for tool in json.loads(pinned(name)).get("tools", ())]
    seen = {key for tool in tools for key, value in tool.items() if value != bare[key]}
    assert seen == set(bare)
    assert all(set(tool) == set(bare) for tool in tools)
