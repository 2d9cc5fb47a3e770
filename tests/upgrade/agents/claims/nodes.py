"""The function nodes of the claims desk. What each returns is a patch of the thread's context."""

from __future__ import annotations

import json
import re
from typing import Any

from journeyman import NodeContext

_ORDER = re.compile(r"\b(?:order|no\.?|number)\s*#?\s*(\d{4})\b", re.IGNORECASE)
_AMOUNT = re.compile(r"\b(\d+(?:\.\d\d?)?)\s*(?:euros?|€)", re.IGNORECASE)


async def intake(ctx: NodeContext) -> dict[str, Any]:
    """The order's number and the amount, from the customer's words; what an earlier claim left is forgotten."""
    words = next(message.text for message in reversed(ctx.messages) if message.role == "user")
    order, amount = _ORDER.search(words), _AMOUNT.search(words)
    claim = {"order": order[1] if order else None, "amount": float(amount[1]) if amount else None}
    return {"claim": {**claim, "due": None, "refund": None}}


async def weigh(ctx: NodeContext) -> dict[str, Any]:
    """What is due by the rules of the house: all of it for a lost parcel, the damage if it was named, else nothing."""
    claim = ctx.context.thread["claim"]
    parcel = await _finding(ctx, "order_parcel", claim["order"])
    invoice = await _finding(ctx, "order_invoice", claim["order"])
    due = {"lost": invoice["total"], "damaged": min(claim.get("amount") or invoice["total"], invoice["total"])}
    return {"claim": {"due": due.get(parcel["parcel"], 0.0)}}


async def pay(ctx: NodeContext) -> dict[str, Any]:
    """The refund: `once`, so it is never made twice, whatever dies in between."""
    claim = ctx.context.thread["claim"]
    return {"claim": {"refund": await ctx.call_tool("refund", {"order_id": claim["order"], "amount": claim["due"]})}}


async def _finding(ctx: NodeContext, tool: str, order: str) -> dict[str, Any]:
    """What a specialist found out; if it did not ask its tool, this does."""
    said = [message.text for message in ctx.state.messages if message.role == "tool" and message.name == tool]
    found: dict[str, Any] = json.loads(said[-1] if said else await ctx.call_tool(tool, {"order_id": order}))
    return found
