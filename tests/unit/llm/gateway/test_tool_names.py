"""Names of tools: pieces, prefixes, leaked tokens."""

from __future__ import annotations

import pytest

from journeyman.llm.gateway.tool_names import joined_name, known_name

TOOLS = ("get", "get_user", "lookup", "a.b")


@pytest.mark.parametrize(
    ("name", "piece", "joined"),
    [
        ("", "get", "get"),
        ("get", "", "get"),
        ("look", "up", "lookup"),
        ("lookup", "lookup", "lookup"),
        ("get", "_user", "get_user"),
        ("get", ":0", "get"),
        ("loo", "lookup", "lookup"),
        ("functions.", "lookup", "lookup"),
        ("other", "other", "other"),
        ("oth", "other", "other"),
        ("oth", "er", "other"),
    ],
)
def test_joined_name(name: str, piece: str, joined: str) -> None:
    assert joined_name(name, piece, TOOLS) == joined


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("lookup", "lookup"),
        ("a.b", "a.b"),
        ("functions.lookup", "lookup"),
        ("default_api:lookup", "lookup"),
        ("functions.a.b", "functions.a.b"),
        ("lookup<|channel|>commentary", "lookup"),
        (" lookup ", "lookup"),
        ("functions.guess", "functions.guess"),
    ],
)
def test_known_name(name: str, known: str) -> None:
    assert known_name(name, TOOLS) == known
