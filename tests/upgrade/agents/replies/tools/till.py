"""Tools of the replies that 0.1 recorded. While a file `hold` stands beside the agent, `purge` does not come to an end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from journeyman import tool

HOLD = Path(__file__).parent.parent / "hold"


@tool(effects="none")
async def purge(folder: str = "everything") -> str:
    """Purge a folder.

    Args:
        folder: Its name.
    """
    while HOLD.exists():
        await asyncio.sleep(0.01)
    return f"purged {folder}"


@tool(effects="once")
async def refund(amount: int) -> str:
    """Refund money.

    Args:
        amount: In euros.
    """
    return f"refunded {amount}"
