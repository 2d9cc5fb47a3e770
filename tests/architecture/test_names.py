"""Names say what a thing is. The words that say nothing are not used, and the public names are pinned."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import journeyman
from tests.harness.source_tree import nodes, trees

EMPTY_WORDS = {"base", "common", "core", "helper", "helpers", "manager", "misc", "processor", "service", "utils"}
PUBLIC = [
    "AgentFactory",
    "AgentState",
    "BaseAgent",
    "BaseTool",
    "BlockingToolContext",
    "Event",
    "NodeContext",
    "Sensitive",
    "Settings",
    "ToolContext",
    "ToolFile",
    "ToolRegistry",
    "ToolRetry",
    "__version__",
    "create_app",
    "register_node_type",
    "resource",
    "tool",
]


def test_no_module_has_an_empty_name() -> None:
    parts = {part for file in trees() for part in Path(file).with_suffix("").parts[2:]}
    assert not {part for part in parts if EMPTY_WORDS & set(part.split("_"))}


def test_no_class_has_an_empty_name() -> None:
    names = [node.name for _, node in nodes(ast.ClassDef) if isinstance(node, ast.ClassDef)]
    last_words = {name: re.findall(r"[A-Z][a-z0-9]*|[a-z0-9]+", name)[-1].lower() for name in names}
    assert not [name for name, word in last_words.items() if word in EMPTY_WORDS]


def test_the_public_names_are_these() -> None:
    assert journeyman.__all__ == PUBLIC


def test_every_public_name_is_there() -> None:
    for name in PUBLIC:
        assert getattr(journeyman, name) is not None


# A name that stands in two modules -> why. Commands of the command line and routes are named for what they are about.
TWICE = {
    "AddMessage": "both are public: the action in `journeyman.actions`, the body in the OpenAPI document",
    "main": "the entry point of a process",
}
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
COMMANDS = "journeyman/cli/commands/"  # functions there are the commands, and typer names them


def _public_names() -> dict[str, set[str]]:
    """Return each public class and function with the modules that define it."""
    found: dict[str, set[str]] = {}
    for file, tree in trees().items():
        for node in tree.body:
            is_command = COMMANDS in file and not isinstance(node, ast.ClassDef)
            if not is_command and isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
                found.setdefault(node.name, set()).add(file)
    return found


def test_a_public_name_is_given_once() -> None:
    names = _public_names()
    assert not {name: sorted(files) for name, files in names.items() if len(files) > 1 and name not in TWICE}
    assert not [name for name in TWICE if len(names.get(name, ())) < 2], "it is given once by now"
