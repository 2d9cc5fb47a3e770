"""What code reaches for: hosts, paths, variables and packages."""

from __future__ import annotations

import ast

import pytest

from journeyman.tools.lint.rules.names import NameResolver
from journeyman.tools.lint.rules.reach import access_hits, missing_packages


@pytest.mark.parametrize(
    ("code", "access", "what"),
    [
        ("import requests\nrequests.get('https://shop.example/x')", "host", "shop.example"),
        ("import os\nos.environ['KEY']", "env", "KEY"),
        ("import os\nos.getenv('KEY')", "env", "KEY"),
        ("open('data/x.txt', 'w')", "write", "data/x.txt"),
    ],
)
def test_what_is_reached_is_named(code: str, access: str, what: str) -> None:
    nodes = list(ast.walk(ast.parse(code)))
    names = NameResolver(nodes)
    hits = [hit for node in nodes for hit in access_hits(node, names)]
    assert (access, what) in [(hit.access, hit.what) for hit in hits], hits


def test_a_package_that_a_function_imports_is_missing_unless_the_import_may_fail() -> None:
    bare = list(ast.walk(ast.parse("def a():\n    import no_such_package_here\n    import os\n")))
    guarded = list(ast.walk(ast.parse("try:\n    import no_such_package_here\nexcept ImportError:\n    pass\n")))
    assert [*missing_packages(bare, lambda _: None)] == [], "it is found without being installed"
    assert [hit.rule for hit in missing_packages(bare, str)] == ["JM601"]
    assert list(missing_packages(guarded, str)) == []
