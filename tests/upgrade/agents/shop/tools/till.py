"""Tools of every kind of effects. While a file `hold` stands beside the agents, the last four do not come to an end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

from journeyman import Sensitive, ToolContext, tool

HOLD = Path(__file__).parent.parent / "hold"


@tool(effects="none")
async def lookup(order: str) -> str:
    """Look an order up.

    Args:
        order: Its number.
    """
    if order == "0":
        raise LookupError("there is no order 0")
    return f"order {order}: sent"


@tool(effects="once", approval="args.amount > 50")
async def refund(order: str, amount: float) -> dict:
    """Refund an order.

    Args:
        order: Its number.
        amount: In euros.
    """
    return {"refunded": amount, "order": order}


@tool(effects="once")
async def pay_out(amount: float) -> str:
    """Pay money out."""
    return f"paid out {amount:g}"


@tool(effects="once")
async def gift(to: str) -> str:
    """Send a gift."""
    return f"a gift for {to}"


@tool(effects="once", approval="args.amount > 50")
async def charge(card: Annotated[str, Sensitive], amount: float) -> str:
    """Charge a card.

    Args:
        card: Its number.
        amount: In euros.
    """
    return f"charged {amount:g} to a card with {len(card)} digits"


@tool(effects="idempotent")
async def order_shirt(item: str, ctx: ToolContext) -> str:
    """Order something."""
    return f"ordered {item} in {await ctx.ask('Which size?')}"


@tool(effects="none")
async def remember(word: str, ctx: ToolContext) -> str:
    """Remember a word."""
    await ctx.context.patch(thread={"word": word}, global_={"words": {word: True}})
    return f"remembered {word}"


@tool(effects="once", on_unknown="ask")
async def wire(amount: float) -> str:
    """Wire money; nobody knows whether it came to an end: a human is asked."""
    while HOLD.exists():
        await asyncio.sleep(0.05)
    return f"wired {amount:g}"


@tool(effects="once", on_unknown="tell")
async def post(letter: str) -> str:
    """Post a letter; nobody knows whether it came to an end: the model is told."""
    while HOLD.exists():
        await asyncio.sleep(0.05)
    return f"posted {letter}"


@tool(effects="idempotent")
async def put(key: str, ctx: ToolContext) -> str:
    """Put something where it belongs."""
    while HOLD.exists():
        await asyncio.sleep(0.05)
    return f"put {key} by {ctx.idempotency_key.rpartition(':')[2]}"


@tool(effects="none")
def watch(what: str) -> str:
    """Watch something, in a process of its own."""
    while HOLD.exists():
        time.sleep(0.05)
    return f"watched {what}"
