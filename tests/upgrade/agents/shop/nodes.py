"""Code of nodes: one remembers, one calls a tool, one asks a model."""

from __future__ import annotations

from typing import Any


async def intake(ctx: Any) -> dict[str, Any]:
    return {"dice": await ctx.remember("dice", lambda: 4)}


async def right(ctx: Any) -> dict[str, Any]:
    return {"seen": await ctx.call_tool("lookup", {"order": "7"}), "score": 42}


async def send(ctx: Any) -> dict[str, Any]:
    return {"sent": await ctx.call_model("One word for it.", system="Be brief.")}
