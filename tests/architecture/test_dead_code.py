"""What is tested is what runs: every function of the product is used by the product."""

from __future__ import annotations

import ast
from collections import Counter

from tests.harness.source_tree import ROOT, SOURCE, nodes

# A function that nothing in `src` calls by name -> who calls it.
CALLED_FROM_OUTSIDE = {
    "emit": "logging calls the method of a handler",
    "eof_received": "asyncio calls the method of a protocol",
    "from_environment": "users call it on AgentFactory",
    "get_code": "importlib calls the method of a loader",
    "pytest_collect_file": "pytest calls its hook",
    "raise_for_status": "a tool's author calls it on the reply of `ctx.http`",
    "register_type": "users call it on AgentFactory",
    "repr_failure": "pytest calls the method of an item",
    "reportinfo": "pytest calls the method of an item",
    "runtest": "pytest calls the method of an item",
    "tool_specs": "users read it on a ToolRegistry",
    "unused": "users call it on a ScriptedModel, to see that every turn was taken",
}


def _defined() -> set[str]:
    """Return the names of functions without a decorator, which may register them elsewhere."""
    plain = ("property", "staticmethod", "classmethod")
    return {
        node.name
        for _, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not (node.name.startswith("__") and node.name.endswith("__"))
        and all(ast.unparse(decorator) in plain for decorator in node.decorator_list)
    }


def _used() -> Counter[str]:
    """Count the names that the product, its benchmarks and its examples use; a name in a text counts as used."""
    used: Counter[str] = Counter()
    for folder in (SOURCE, ROOT / "benchmarks", ROOT / "examples"):
        for _, node in nodes(ast.Name, ast.Attribute, ast.Constant, folder=folder):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                    used[name] += 1
    return used


def test_every_function_is_used_by_the_product() -> None:
    used = _used()
    unused = {name for name in _defined() if not used[name]}
    assert not unused - set(CALLED_FROM_OUTSIDE)
    assert not set(CALLED_FROM_OUTSIDE) - unused, "the product calls it by now"
