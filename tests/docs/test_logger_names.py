"""The changelog's table of logger names is true: each new name is a logger of today, each old one is gone."""

from __future__ import annotations

import ast
import re

from tests.harness.source_tree import ROOT, trees

ROW = re.compile(r"^  \| `(journeyman[\w.]+)` \| (.*) \|$", re.MULTILINE)


def _loggers() -> set[str]:
    """Return the modules that have a logger of their name."""
    return {
        file.removeprefix("src/").removesuffix(".py").replace("/", ".")
        for file, tree in trees().items()
        if "logging.getLogger(__name__)" in ast.unparse(tree)
    }


def test_the_table_of_the_changelog_names_the_loggers_of_today() -> None:
    rows = ROW.findall((ROOT / "CHANGELOG.md").read_text())
    assert len(rows) >= 19
    loggers = _loggers()
    assert not [old for old, _ in rows if old in loggers]
    assert not [name for _, new in rows for name in re.findall(r"`([\w.]+)`", new) if name not in loggers]
