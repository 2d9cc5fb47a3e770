"""The tests are one package with one import root: a helper has one name, so its classes exist once."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.harness.source_tree import ROOT, nodes

TESTS = ROOT / "tests"
# Folders that tests hand to a server as files of a user: no packages, and imported by path.
DATA = (TESTS / "harness/tool_folders", TESTS / "upgrade/agents")


def _is_data(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in DATA)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module] if node.module and not node.level else []
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_every_import_of_a_test_module_begins_with_tests() -> None:
    ours = {part for file in TESTS.rglob("*.py") for part in file.relative_to(TESTS).with_suffix("").parts}
    ours -= set(sys.stdlib_module_names) | set(packages_distributions())
    wrong = []
    for folder in (TESTS, ROOT / "benchmarks"):
        for file, node in nodes(ast.Import, ast.ImportFrom, folder=folder):
            if not _is_data(ROOT / file):
                wrong += [f"{file}: {name}" for name in _imported(node) if name.partition(".")[0] in ours]
    assert not wrong, "import test modules as `tests.…`:\n" + "\n".join(wrong)


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {file.parent for file in TESTS.rglob("*.py") if not _is_data(file)}
    assert not [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").is_file()]


def test_no_test_module_is_loaded_under_another_name() -> None:
    wrong = []
    for name, module in sorted(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "")
        if file.suffix == ".py" and file.is_relative_to(TESTS) and not _is_data(file):
            parts = file.relative_to(ROOT).with_suffix("").parts
            if name != ".".join(parts[:-1] if parts[-1] == "__init__" else parts):
                wrong.append(f"{file.relative_to(ROOT)} is loaded as {name}")
    assert not wrong, "\n".join(wrong)
