"""A setting is read by some part; never silently ignored."""

from __future__ import annotations

import ast

from journeyman.settings import Settings
from tests.harness.source_tree import nodes

CHECKED_ONLY = {"auth_mode"}  # what it may say today has no effect, the rest is refused


def _owner(node: ast.Attribute) -> str:
    """`settings` of `settings.port` and of `application.settings.port`."""
    return node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")


def _is_read(file: str, node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    return _owner(node) == ("self" if file == "src/journeyman/settings.py" else "settings")


def test_each_setting_is_obeyed() -> None:
    read = {
        node.attr for file, node in nodes(ast.Attribute) if _is_read(file, node) and isinstance(node, ast.Attribute)
    }
    assert not set(Settings.model_fields) - read - CHECKED_ONLY
