"""Customers, read from a file."""

from __future__ import annotations

from journeyman import tool

from ._shop import customers


@tool(effects="none")
def find_customer(email: str) -> dict[str, str]:
    """Find a customer by e-mail address: name, city, and since when.

    Args:
        email: The customer's e-mail address.
    """
    for found in customers():
        if found["email"] == email.strip().lower():
            return found
    raise LookupError(f"nobody is known by {email}")
