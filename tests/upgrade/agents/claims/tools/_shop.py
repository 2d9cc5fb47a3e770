"""The shop's data. Files that begin with an underscore are not scanned for tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent


def order(order_id: str) -> dict[str, Any]:
    """One order. Raises LookupError with a sentence that a model can act on."""
    wanted = order_id.strip().lstrip("#")
    orders: list[dict[str, Any]] = json.loads((HOME / "data" / "orders.json").read_text("utf-8"))
    for found in orders:
        if found["id"] == wanted:
            return found
    raise LookupError(f"there is no order {wanted}; ask the customer to look at the number in their e-mail again")
