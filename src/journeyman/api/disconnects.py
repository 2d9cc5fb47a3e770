"""Waiting for a run on behalf of a client that may go away."""

from __future__ import annotations

import asyncio

from starlette.types import Receive

from journeyman.api.json_body import ClientDisconnected
from journeyman.errors import StateError
from journeyman.runtime.use_cases.requests import RunResult
from journeyman.runtime.use_cases.runs import Runs


async def wait_or_cancel(runs: Runs, principal: str, run_id: str, seconds: float, receive: Receive) -> RunResult:
    """`Runs.wait`, but a client that leaves takes its run with it. Raises ClientGone then."""
    waiter = asyncio.ensure_future(runs.wait(run_id, seconds))
    listener = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((waiter, listener), return_when=asyncio.FIRST_COMPLETED)
        if waiter.done():
            return waiter.result()
    finally:
        waiter.cancel()
        listener.cancel()
    await cancel_for(runs, principal, run_id)
    raise ClientDisconnected


async def cancel_for(runs: Runs, principal: str, run_id: str) -> None:
    """Cancel the run of a client that has gone; that it has ended by now is fine."""
    try:
        await runs.cancel(principal, run_id, "disconnected")
    except StateError:
        return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
