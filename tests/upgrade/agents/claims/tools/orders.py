"""What the two specialists ask. Plain functions: each call runs in a worker process that can be stopped."""

from __future__ import annotations

from typing import Any

from journeyman import tool

from ._shop import order


@tool(effects="none")
def order_parcel(order_id: str) -> dict[str, Any]:
    """Tell where the parcel of an order is.

    Args:
        order_id: The order's number, such as 1042.
    """
    found = order(order_id)
    return {"order": found["id"], "parcel": found["parcel"], "note": found["note"]}


@tool(effects="none")
def order_invoice(order_id: str) -> dict[str, Any]:
    """Tell what was paid for an order, and how.

    Args:
        order_id: The order's number, such as 1042.
    """
    found = order(order_id)
    return {"order": found["id"], "total": found["total"], "paid": found["paid"]}
