"""Tools whose code says something of every policy that there is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from journeyman import BaseTool, BlockingToolContext, Sensitive, ToolContext, tool


class Size(Enum):
    S = "s"
    L = "l"


@dataclass
class Address:
    street: str
    city: str = "Oslo"


@tool
async def bare(text: str) -> str:
    """Nobody said what it does."""
    return text


@tool
async def bare_again(text: str) -> str:
    """Nobody said what it does; an agent file does."""
    return text


@tool(
    name="pay_out",
    description="Pays money out.",
    effects="once",
    on_unknown="ask",
    approval="args.amount > 50",
    timeout_seconds=7.5,
    isolation="process",
    limits={
        "cpu_seconds": 5,
        "memory_mb": 512,
        "open_files": 32,
        "processes": 8,
        "file_mb": 16,
        "output_mb": 2,
    },
    permissions={
        "network": ["api.shop.example", "*.shop.example:8443"],
        "files": ["data/", "out"],
        "env": ["SHOP_KEY"],
    },
    output_cap=1000,
)
def pay(
    account: Annotated[str, Sensitive], amount: float, note: Annotated[str, Sensitive] = "", *, ctx: BlockingToolContext
) -> str:
    """Another summary.

    Args:
        account: To whom.
        amount: How much, in euros.
        note: What it is for.
    """
    return ctx.idempotency_key


@tool(effects="once", on_unknown="tell", approval="always")
async def told(text: str) -> str:
    """A call whose outcome is told, which always asks."""
    return text


@tool(effects="none", cache_ttl=300, cache_scope="shared", retries=2, permissions={"network": [], "files": []})
async def cached(
    word: str, size: Size = Size.S, many: list[int] | None = None, kind: Literal["a", "b"] = "a", by: Address | None = None
) -> dict[str, Any]:
    """Looks a word up.

    Args:
        word: What is looked up.
        many: Pages.
    """
    return {"word": word}


@tool(effects="none", cache_ttl="default", cache_scope="agent", isolation="inline")
async def cached_by_default(word: str) -> str:
    """The same, for as long as the settings say."""
    return word


@tool(effects="idempotent", retries=0, timeout_seconds=60)
async def put(key: str, value: dict[str, Any], ctx: ToolContext) -> None:
    """Puts a value where it belongs."""


class Lookup(BaseTool):
    name = "lookup"
    description = "Looks a word up."
    effects = "none"
    timeout_seconds = 3
    retries = 1
    approval = "principal == 'guest'"
    permissions = {"env": ["SHOP_REGION"]}
    cache_ttl = 1.5
    cache_scope = "agent"
    output_cap = 10

    async def run(self, word: str) -> str:
        return word


class Shaped(BaseTool):
    """A schema of its own."""

    name = "shaped"
    effects = "once"
    on_unknown = "ask"

    def get_spec(self) -> dict[str, Any]:
        return {
            "name": "shaped",
            "description": "Takes what its schema says.",
            "parameters": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]},
        }

    async def run(self, **arguments: Any) -> str:
        return str(arguments)
