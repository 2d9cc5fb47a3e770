"""Orders, read from a file. Plain functions: each call runs in a worker process that can be stopped."""

from __future__ import annotations

from typing import Any

from journeyman import tool

from ._shop import order, orders


@tool(effects="none")
def lookup_order(order_id: str) -> dict[str, Any]:
    """Look up where an order is: its status, items, total and parcel.

    Args:
        order_id: The order's number, such as 1042.
    """
    return order(order_id)


@tool(effects="none")
def list_orders(email: str) -> list[dict[str, Any]]:
    """List all orders of a customer, the newest first.

    Args:
        email: The customer's e-mail address.
    """
    mine = [found for found in orders() if found["customer"] == email.strip().lower()]
    kept = ("id", "placed", "status", "total")
    return [{name: found[name] for name in kept} for found in reversed(mine)]
