"""What the names in a file mean."""

from __future__ import annotations

import ast

import pytest

from journeyman.tools.lint.rules.names import NameResolver


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import os\nos.system", "os.system"),
        ("import os as o\no.system", "os.system"),
        ("from os import system as run\nrun", "os.system"),
        ("open", "builtins.open"),
        ("def open(): ...\nopen", ""),
        ("import os\nrun = os.system\nrun", "os.system"),
        ("import os\ngetattr(os, 'system')", "os.system"),
        ("__import__('os').system", "os.system"),
        ("from pathlib import Path\nPath('a').write_text", "pathlib.Path().write_text"),
        ("from pathlib import Path\n(Path('a') / 'b').write_text", "pathlib.Path().write_text"),
        ("unknown.thing", ""),
        ("from . import os\nos.system", ""),
    ],
)
def test_a_name_is_the_thing_that_it_was_bound_to(code: str, name: str) -> None:
    tree = ast.parse(code)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    assert NameResolver(list(ast.walk(tree))).dotted(last.value) == name
