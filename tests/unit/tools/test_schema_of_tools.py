from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from journeyman.errors import ToolValidationError
from journeyman.tools.schema.arguments import (
    ConvertedCheck,
    PlainCheck,
    SchemaCheck,
    check_for_schema,
    decode_arguments,
)
from journeyman.tools.schema.describe import describe
from journeyman.tools.schema.signature import parse_docstring
from journeyman.tools.tool import BaseTool, BlockingToolContext, Sensitive, ToolContext, resource, tool


class Colour(enum.Enum):
    RED = "red"


class Address(BaseModel):
    street: str
    number: int = Field(ge=1)


@dataclasses.dataclass
class Point:
    x: float


class Pool:
    pass


@resource
def pool() -> Pool:
    return Pool()


@tool
async def with_pool(n: int, ctx: ToolContext, db: Pool) -> str:
    """Use the pool."""
    return "ok"


def check(function: Any, values: dict[str, Any]) -> dict[str, Any]:
    arguments = describe(function).arguments
    assert arguments is not None
    return arguments.check(values)


def test_context_and_resources_are_no_arguments():
    spec = describe(with_pool).spec
    assert spec.parameters == {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }


@tool
async def described(
    a: int,
    b: Literal["x", "y"] = "x",
    d: Annotated[float, Field(gt=0, description="own words")] = 1.0,
    title: str = "",
    secret: Annotated[str, Sensitive] = "",
    ctx: ToolContext | None = None,
) -> str:
    """Do it all.

    More of it.

    Args:
        a: how
            many
        title (str): a property named title
    """
    return "ok"


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
    assert (undeclared.effects, undeclared.declared, undeclared.on_unknown) == (
        "once",
        False,
        "tell",
    )

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


def test_check_converts_and_refuses_readably():
    assert check(described, {"a": "5", "b": "y"}) == {"a": 5, "b": "y"}
    with pytest.raises(ToolValidationError) as caught:
        check(described, {"b": "z", "d": -1, "zz": 1})
    assert caught.value.code == "invalid_arguments"
    text = str(caught.value)
    for part in (
        "a: is required",
        "b: Input should be 'x' or 'y'",
        "d: Input should be greater than 0",
        "zz: there is no",
    ):
        assert part in text


def test_many_problems_are_capped():
    with pytest.raises(ToolValidationError) as caught:
        check(described, {f"k{n}": n for n in range(100)})
    assert "and 93 more" in str(caught.value)


@tool
async def typed(at: datetime.datetime, colour: Colour, home: Address, point: Point | None = None) -> str:
    """Types beyond JSON."""
    return "ok"


def test_pydantic_types_are_converted_for_the_tool_and_stay_json_in_the_record():
    given = {"at": "2026-01-02T03:04:05Z", "colour": "red", "home": {"street": "s", "number": 1}}
    converted = check(typed, given)
    assert converted["colour"] is Colour.RED
    assert isinstance(converted["home"], Address)
    assert not describe(typed).signature.plain
    assert "$defs" in describe(typed).spec.parameters
    with pytest.raises(ToolValidationError, match=r"home\.number: "):
        check(typed, {**given, "home": {"street": "s", "number": 0}})


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
    description = "Greet somebody."

    async def run(self, who: str, ctx: ToolContext) -> str:
        return f"hello {who}"


def test_tools_as_classes():
    assert Greeter().get_spec() == {
        "name": "greet",
        "description": "Greet somebody.",
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


def test_docstring_sections():
    summary, arguments = parse_docstring("""Sum up.

    Args:
        a (int): first: with a colon
        b: second
          goes on
    Returns:
        c: not an argument
    """)
    assert summary == "Sum up."
    assert arguments == {"a": "first: with a colon", "b": "second goes on"}


@pytest.mark.parametrize(
    "raw",
    [
        "nonsense",
        "[1]",
        "3",
        '{"a":',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":"\\ud800"}',
        '{"a":' * 5000,
        "\ud800",
        b"\xff{}",
    ],
)
def test_arguments_that_are_no_json_object(raw):
    with pytest.raises(ToolValidationError) as caught:
        decode_arguments(raw)
    assert caught.value.code == "invalid_arguments"


def test_arguments_from_text_and_dict():
    assert decode_arguments(' {"a": 1} ') == {"a": 1}
    assert decode_arguments("") == {}
    given = {"a": 1}
    assert decode_arguments(given) is given


def test_a_simple_schema_is_checked_like_the_code_would():
    spec = describe(described).spec
    simple = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "d"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "maybe": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
        },
        "required": ["n"],
        "additionalProperties": False,
    }
    checker = check_for_schema("t", simple)
    assert isinstance(checker, PlainCheck)
    assert checker.check({"n": "3", "maybe": None}) == {"n": 3, "maybe": None}
    for bad in ({}, {"n": 1, "tags": [{}]}, {"n": 1, "kind": "c"}, {"n": 1, "x": 1}):
        with pytest.raises(ToolValidationError):
            checker.check(bad)
    assert isinstance(check_for_schema("t", spec.parameters), SchemaCheck)  # d says more than a type


def test_schema_check_names_field_and_problem_and_hides_values():
    checker = SchemaCheck({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}})
    assert checker.check({"a": "abc"}) == {"a": "abc"}
    with pytest.raises(ToolValidationError, match="a: the value is longer than 3") as caught:
        checker.check({"a": "hunter2hunter2"})
    assert "hunter2" not in str(caught.value)


def test_schema_check_never_fetches():
    with pytest.raises(ToolValidationError, match="no JSON Schema"):
        SchemaCheck({"$ref": "http://127.0.0.1:9/x"}).compile()


def test_a_validator_that_raises_anything_is_a_refusal():
    arguments = describe(typed).arguments
    assert arguments is not None
    deep: Any = "x"
    for _ in range(10_000):
        deep = {"street": deep}
    with pytest.raises(ToolValidationError):
        ConvertedCheck(arguments).check({"home": deep})
