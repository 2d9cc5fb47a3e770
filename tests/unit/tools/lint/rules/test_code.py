"""Code that is refused wherever it stands."""

from __future__ import annotations

import ast

import pytest

from journeyman.tools.lint.rules.code import code_hits
from journeyman.tools.lint.rules.names import NameResolver


def rules(code: str) -> list[str]:
    nodes = list(ast.walk(ast.parse(code)))
    names = NameResolver(nodes)
    return [hit.rule for node in nodes for hit in code_hits(node, names)]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("eval('1')", ["JM101"]),
        ("import pickle\npickle.loads(b'')", ["JM104"]),
        ("import yaml\nyaml.load('')", ["JM105"]),
        ("import yaml\nyaml.safe_load('')", []),
        ("KEY = 'sk-a1B2a1B2a1B2a1B2a1B2'", ["JM401"]),
        ("import json\njson.loads('{}')", []),
    ],
)
def test_what_is_found(code: str, found: list[str]) -> None:
    assert rules(code) == found


def test_a_hit_names_the_line_of_its_end() -> None:
    nodes = list(ast.walk(ast.parse("x = 1\neval(\n    'a'\n)\n")))
    (hit,) = [hit for node in nodes for hit in code_hits(node, NameResolver(nodes))]
    assert (hit.line, hit.end) == (2, 4)
