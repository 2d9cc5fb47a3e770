"""Code of two nodes."""

from __future__ import annotations

from typing import Any


async def left(ctx: Any) -> dict[str, Any]:
    return {"left": True}


async def right(ctx: Any) -> dict[str, Any]:
    return {"right": ctx.config}
