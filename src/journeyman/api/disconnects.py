"""Waits for a run on behalf of a client that may disconnect."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope

from journeyman.api.json_body import ClientDisconnected
from journeyman.errors import StateError
from journeyman.runtime.use_cases.requests import RunResult
from journeyman.runtime.use_cases.runs import Runs

HALF_CLOSED = "journeyman.half_closed"  # in the ASGI scope, once the client has closed its sending side


def leaving_at_eof(scope: Scope, receive: Receive) -> Receive:
    """Return a `receive` for which a client that closed its sending side has disconnected.

    It may still read. But a client that is gone cannot be told from it, and its run is to be cancelled at once.
    """

    async def received() -> Message:
        message = {} if HALF_CLOSED in scope else await receive()
        return {"type": "http.disconnect"} if HALF_CLOSED in scope else message

    return received


async def wait_or_cancel(runs: Runs, principal: str, run_id: str, seconds: float, receive: Receive) -> RunResult:
    """Wait for a run, and cancel it if the client disconnects first. Raises ClientDisconnected in that case."""
    waiter = asyncio.ensure_future(runs.wait(run_id, seconds))
    listener = asyncio.ensure_future(_disconnected(receive))
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
    """Cancel the run of a client that has disconnected, unless it has ended already."""
    try:
        await runs.cancel(principal, run_id, "disconnected")
    except StateError:
        return


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
