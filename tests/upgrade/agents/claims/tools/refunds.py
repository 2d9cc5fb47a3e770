"""The tool that must not happen twice."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from typing import Any

from journeyman import ToolContext, tool

from ._shop import HOME, order

LEDGER = HOME / "var" / "refunds.jsonl"


@tool(effects="once")
async def refund(order_id: str, amount: float, ctx: ToolContext) -> dict[str, Any]:
    """Refund money for an order to the customer.

    Args:
        order_id: The order's number, such as 1044.
        amount: In euros, at most the order's total.
    """
    found = await asyncio.to_thread(order, order_id)
    if not 0 < amount <= found["total"]:
        raise ValueError(f"order {found['id']} was {found['total']} euros: refund more than 0 and at most that")
    entry = {"order": found["id"], "amount": amount, "customer": found["customer"], "key": ctx.idempotency_key}
    await asyncio.to_thread(_write, {**entry, "at": datetime.now(UTC).isoformat(timespec="seconds")})
    return {"refunded": amount, "order": found["id"], "to": found["customer"]}


def _write(entry: dict[str, Any]) -> None:
    """A line of the ledger, on the disk when this returns."""
    LEDGER.parent.mkdir(exist_ok=True)
    with LEDGER.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())
