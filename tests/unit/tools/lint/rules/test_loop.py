"""Code that blocks the event loop, or swallows a cancellation."""

from __future__ import annotations

import ast

import pytest

from journeyman.tools.lint.rules.loop import loop_hits
from journeyman.tools.lint.rules.names import NameResolver


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("import time\nasync def a():\n    time.sleep(1)", ["JM501"]),
        ("import time\ndef a():\n    time.sleep(1)", []),
        ("import time\ndef rest():\n    time.sleep(1)\nasync def a():\n    rest()", ["JM501"]),
        ("async def a():\n    open('x').read()", ["JM502"]),
        ("async def a():\n    while True:\n        pass", ["JM503"]),
        ("async def a():\n    while True:\n        return 1", []),
        ("async def a():\n    try:\n        pass\n    except BaseException:\n        pass", ["JM504"]),
        ("async def a():\n    try:\n        pass\n    except BaseException:\n        raise", []),
    ],
)
def test_what_is_found(body: str, found: list[str]) -> None:
    tree = ast.parse(body)
    nodes = list(ast.walk(tree))
    assert [hit.rule for hit in loop_hits(tree, nodes, NameResolver(nodes))] == found
