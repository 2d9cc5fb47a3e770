from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from journeyman.errors import ToolValidationError
from journeyman.tools.schema.describe import describe
from journeyman.tools.tool import BaseTool, BlockingToolContext, ToolContext, resource, tool
from tests.harness.described_tools import described


class Pool:
    pass


@resource
def pool() -> Pool:
    return Pool()


@tool
async def with_pool(n: int, ctx: ToolContext, db: Pool) -> str:
    """Use the pool."""
    return "ok"


def test_context_and_resources_are_no_arguments():
    spec = describe(with_pool).spec
    assert spec.parameters == {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }


def test_descriptions_defaults_and_sensitive_arguments():
    spec = describe(described).spec
    assert spec.description == "Do it all.\n\nMore of it."
    assert spec.sensitive == ("secret",)
    properties = spec.parameters["properties"]
    assert properties["a"] == {"type": "integer", "description": "how many"}
    assert properties["b"] == {"type": "string", "enum": ["x", "y"], "default": "x"}
    assert properties["d"]["description"] == "own words"
    assert properties["title"]["description"] == "a property named title"
    assert "ctx" not in properties
    assert spec.parameters["required"] == ["a"]


def test_policy_of_undeclared_and_declared_tools():
    undeclared = describe(described).spec.policy
    assert (undeclared.effects, undeclared.declared, undeclared.on_unknown) == ("once", False, "tell")

    @tool(effects="once")
    async def once() -> str:
        """Once."""
        return ""

    @tool(effects="idempotent")
    def twice() -> str:
        """Twice."""
        return ""

    assert (describe(once).spec.policy.on_unknown, describe(once).spec.policy.isolation) == ("ask", "inline")
    assert (describe(twice).spec.policy.on_unknown, describe(twice).spec.policy.isolation) == ("tell", "process")
    assert once.__name__ == "once"
    assert twice() == ""


def test_faults_name_the_argument_and_the_remedy():
    async def no_hint(a) -> str: ...
    async def star(*args: int) -> str: ...
    async def function(a: int, f: Callable[[], int]) -> str: ...
    async def raw(data: bytes) -> str: ...
    async def unresolved(x: NotThere) -> str: ...  # noqa: F821
    async def old(a: int = Field(3)) -> str: ...
    async def odd_default(a: Any = object()) -> str: ...
    async def wrong_context(ctx: BlockingToolContext) -> str: ...
    def wrong_context_too(ctx: ToolContext) -> str: ...

    faults = {
        no_hint: "'a' has no type hint",
        star: "'args': name each argument",
        function: "'f'",
        raw: "'data'.*bytes",
        unresolved: "'x' cannot be resolved",
        old: r"'a': write a: Annotated",
        odd_default: "'a': its default is not JSON",
        wrong_context: "an async def takes ToolContext",
        wrong_context_too: "a plain def takes BlockingToolContext",
    }
    for broken, message in faults.items():
        with pytest.raises(ToolValidationError, match=message):
            describe(tool(broken))


@pytest.mark.parametrize(
    "policy",
    [
        {"name": "white space"},
        {"name": ""},
        {"effects": "twice"},
        {"on_unknown": "guess"},
        {"isolation": "thread"},
        {"approval": " "},
        {"timeout_seconds": 0},
        {"timeout_seconds": float("nan")},
        {"retries": -1, "effects": "none"},
        {"retries": 2},
        {"retries": 2, "effects": "once"},
        {"output_cap": 0},
    ],
)
def test_policies_that_cannot_be_meant(policy):
    async def f() -> str:
        return ""

    with pytest.raises(ToolValidationError):
        tool(**policy)(f)


def test_what_cannot_be_a_tool():
    with pytest.raises(ToolValidationError, match="make it async def"):
        tool(isolation="inline", name="x")(lambda: None)
    with pytest.raises(ToolValidationError, match="goes on a function"):
        tool(Pool)  # type: ignore[type-var]

    async def stream():
        yield 1

    with pytest.raises(ToolValidationError, match="generator"):
        tool(stream)


class OwnSchema(BaseTool):
    name = "own"
    description = "Brings its own schema."
    effects = "none"

    def get_spec(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {"type": "object", "minProperties": 1},
        }

    async def run(self, **arguments: Any) -> Any:
        return arguments


class Greeter(BaseTool):
    name = "greet"
    description = "Greet a person."

    async def run(self, who: str, ctx: ToolContext) -> str:
        return f"hello {who}"


def test_tools_as_classes():
    assert Greeter().get_spec() == {
        "name": "greet",
        "description": "Greet a person.",
        "parameters": {
            "type": "object",
            "properties": {"who": {"type": "string"}},
            "required": ["who"],
            "additionalProperties": False,
        },
    }
    assert describe(OwnSchema()).arguments is None

    class NoRun(BaseTool):
        name = "x"

    with pytest.raises(ToolValidationError, match="async def run"):
        describe(NoRun())
