"""A load context for agent files: eight tools, one agent type, and doubles of what narrows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from journeyman.agent_files.agent_types import AgentTypes
from journeyman.agent_files.definition import LoadContext
from journeyman.agents.spec import AgentSpec
from journeyman.errors import Problem
from journeyman.tools.spec import StoredTool, ToolSpec


class ReactDouble:
    type = "react_agent"

    def __init__(self, spec: AgentSpec) -> None:
        self.spec = spec

    def decide(self, state: Any) -> tuple[Any, ...]:
        return ()


@dataclass
class Registered:
    spec: ToolSpec


class NarrowingDouble:
    """Knows the names of arguments, no types."""

    def mismatches(self, spec: ToolSpec, override: dict[str, Any], /) -> Sequence[tuple[tuple[str, ...], Problem]]:
        known = spec.parameters["properties"]
        return [
            (("arguments", name), Problem(f"{spec.name} has no argument {name}"))
            for name in override.get("arguments", {})
            if name not in known
        ]

    def overridden_schema(self, spec: ToolSpec, override: dict[str, Any], /) -> ToolSpec:
        changes = {"properties": override.get("arguments", {}), "required": override.get("required", [])}
        return msgspec.structs.replace(spec, parameters=spec.parameters | changes)


def tool_spec(name: str, **changes: Any) -> ToolSpec:
    properties = {"order_id": {"type": "string"}, "amount": {"type": "number"}}
    parameters = {"type": "object", "properties": properties, "required": ["order_id"]}
    return StoredTool(**{"name": name, "description": f"The tool {name}", "parameters": parameters} | changes).spec()


def import_file(path: Path, root: Path) -> ModuleType | Problem:
    loader = SourceFileLoader(path.stem, str(path))
    spec = spec_from_loader(path.stem, loader)
    assert spec is not None
    module = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except ImportError as exc:
        return Problem(str(exc), str(path), 1)
    return module


TOOLS = {
    "get_username": tool_spec("get_username", effects="none", declared=True),
    "get_order": tool_spec("get_order", effects="idempotent", declared=True, isolation="process"),
    "refund": tool_spec("refund", effects="once", declared=True, on_unknown="ask"),
    "undeclared": tool_spec("undeclared"),
    "guarded": tool_spec("guarded", approval="args.amount > 100"),
    "asked": tool_spec("asked", approval="always"),
    "cached": tool_spec("cached", effects="none", declared=True, cache_ttl=60),
    "reaching": tool_spec(
        "reaching", permissions_network=("*.shop.example", "localhost"), permissions_files=("data/",)
    ),
}

LoadContextFactory = Callable[..., LoadContext]


@pytest.fixture
def load_context() -> LoadContextFactory:
    """Surroundings with eight tools and one type; changes by name."""

    def build(plugins: Iterable[EntryPoint] = (), **changes: Any) -> LoadContext:
        types = AgentTypes({"react_agent": ReactDouble}, import_file=import_file, plugins=lambda: plugins)
        parts: dict[str, Any] = {
            "tools": {name: Registered(spec) for name, spec in TOOLS.items()},
            "types": types,
            "schema_overrides": NarrowingDouble(),
        }
        return LoadContext(**parts | changes)

    return build
