"""No test patches our modules: parts are given through constructors, and the doubles are product code."""

from __future__ import annotations

import ast
import sys

from tests.harness.source_tree import ROOT, nodes

TESTS = ROOT / "tests"
LINES_PER_MOCK = 1000  # a bare Mock is sometimes the best nonsense to hand in; nothing is built on one


def _imported(node: ast.AST) -> list[str]:
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    aliases = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
    return [f"{module}{alias.name}" for alias in aliases]


def test_mocks_are_rare() -> None:
    lines = sum(len(file.read_text().splitlines()) for file in TESTS.rglob("*.py"))
    imports = nodes(ast.Import, ast.ImportFrom, folder=TESTS)
    mocks = [file for file, node in imports for name in _imported(node) if "mock" in name.lower().split(".")]
    assert len(mocks) <= lines / LINES_PER_MOCK, mocks


def _is_foreign(target: ast.expr) -> bool:
    """Whether what is patched belongs to the standard library: a test's own standard input, say."""
    match target:
        case ast.Constant(value=str(name)) | ast.Name(id=name):
            return name.split(".")[0] in sys.stdlib_module_names
    return False


def test_nothing_of_ours_is_patched() -> None:
    patched = []
    for file, node in nodes(ast.Call, ast.ImportFrom, folder=TESTS):
        if isinstance(node, ast.ImportFrom) and "unittest.mock.patch" in _imported(node):
            patched.append(f"{file}:{node.lineno}")
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="setattr"), args=[target, *_]):
                if "patch" in owner and not _is_foreign(target):
                    patched.append(f"{file}:{node.lineno}")
    assert not patched
