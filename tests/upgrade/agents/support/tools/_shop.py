"""The shop's data. Files that begin with an underscore are not scanned for tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent


def orders() -> list[dict[str, Any]]:
    """Every order, the oldest number first."""
    with (HOME / "data" / "orders.json").open(encoding="utf-8") as file:
        found: list[dict[str, Any]] = json.load(file)
    return found


def order(order_id: str) -> dict[str, Any]:
    """One order. Raises LookupError with a sentence that a model can act on."""
    wanted = order_id.strip().lstrip("#")
    for found in orders():
        if found["id"] == wanted:
            return found
    raise LookupError(f"there is no order {wanted}; ask the customer to look at the number in their e-mail again")


def customers() -> list[dict[str, str]]:
    with (HOME / "data" / "customers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
