"""Tools that do what tools must not do, once as plain def (in a process) and once as async def (inline)."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from journeyman.tools.tool import BlockingToolContext, ToolContext, ToolRetry, resource, tool

BORN = time.monotonic_ns()  # of this process, in whatever namespace


class Doom(BaseException):
    pass


def misbehave(how: str) -> Any:
    if how == "exit":
        sys.exit(3)
    if how == "base":
        raise Doom("beyond Exception")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "error":
        print("printed before the failure")
        raise RuntimeError("no file /srv/secret/keys.txt")
    if how == "connection":
        raise ConnectionResetError("peer went away")
    if how == "again":
        raise ToolRetry("busy", after=7.0)
    if how == "nan":
        return {"value": float("nan")}
    if how == "bytes":
        return {"value": b"raw"}
    if how == "foreign":
        return object()
    if how == "cycle":
        ring: list[Any] = []
        ring.append(ring)
        return ring
    if how == "deep":
        nest: list[Any] = []
        for _ in range(100_000):
            nest = [nest]
        return nest
    if how == "surrogate":
        return "a\ud800b\x00c\x1b[31m"
    if how == "huge":
        return "x" * 3_000_000
    return how


@tool(effects="idempotent", retries=2)
def blocking(how: str) -> Any:
    """Misbehave in a process."""
    return misbehave(how)


@tool(effects="idempotent", retries=2)
async def inline(how: str) -> Any:
    """Misbehave on the event loop."""
    return misbehave(how)


@tool(effects="once", timeout_seconds=0.15)
def hang() -> str:
    """Never return, and ignore signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


@tool(effects="once", timeout_seconds=0.02)
async def wait_inline() -> str:
    """Never return."""
    await asyncio.sleep(60)
    return "?"


@tool(effects="none", retries=0)
def die(how: str) -> str:
    """End the process."""
    print("last words", flush=True)
    if how == "exit":
        os._exit(3)
    if how == "segv":
        ctypes.string_at(0)
    os.closerange(3, 64)
    return "closed"


@tool(effects="once")
def die_once() -> str:
    """End the process with the effect in doubt."""
    os._exit(3)


@tool(effects="none")
def change_process(ctx: BlockingToolContext) -> dict[str, Any]:
    """Print, change the folder and change the environment."""
    print("noise" * 100_000)
    os.chdir("/")
    os.environ["LEAK"] = "yes"
    ctx.progress("half way")
    ctx.log.info("from the process")
    ctx.context.patch(thread={"seen": {"a": 1}}, global_={"gone": None})
    return {"thread": ctx.context.thread, "global": ctx.context.global_, "key": ctx.idempotency_key}


@tool(effects="none")
def look_at_process() -> dict[str, Any]:
    """Return what the process sees."""
    return {
        "leak": os.environ.get("LEAK"),
        "secret": os.environ.get("JM_SECRET"),
        "pid": os.getpid(),
        "born": BORN,
        "cwd": os.getcwd(),
    }


@tool(effects="none")
def close_output() -> str:
    """Close stdout."""
    sys.stdout.close()
    os.close(1)
    return "closed"


@tool(effects="none", isolation="process")
async def async_in_process(ctx: ToolContext) -> str:
    """Run as an async def in a process."""
    await ctx.context.patch(thread={"where": "process"})
    await asyncio.sleep(0)
    return f"{ctx.context.thread['where']} {os.getpid()}"


@tool(effects="none")
def ask_in_process(ctx: BlockingToolContext) -> str:
    """Ask, and catch the exception."""
    try:
        return ctx.ask("Which?")
    except Exception:  # noqa: BLE001 - what a tool does
        return "an Exception stopped the question"


@tool(effects="idempotent", isolation="process")
async def ask_awaited_in_process(ctx: ToolContext) -> str:
    """Ask, awaited, with a deadline and a default."""
    return await ctx.ask("Which?", deadline_seconds=60, default="none")


@tool(effects="once")
def ask_once(ctx: BlockingToolContext) -> str:
    """Ask, which a once tool must not."""
    return ctx.ask("Which?")


class Pool:
    opened = 0


@resource
def pool() -> Iterator[Pool]:
    Pool.opened += 1
    yield Pool()


@tool(effects="none")
def use_pool(db: Pool, at: datetime) -> str:
    """Use a resource and a converted argument."""
    return f"{db.opened} {at.year}"


@tool(effects="none")
def use_pool_too(db: Pool) -> str:
    """Use the same resource."""
    return str(db.opened)


LEFT_BEHIND = threading.Event()


@tool(effects="none")
def leave_thread(ctx: BlockingToolContext) -> str:
    """Leave a thread running that sends progress during the next call."""

    def speak() -> None:
        LEFT_BEHIND.wait(10)
        ctx.progress("from the grave")
        ctx.log.warning("from the grave")
        LEFT_BEHIND.clear()

    threading.Thread(target=speak, daemon=True).start()
    return "left"


@tool(effects="none")
def wake_thread(ctx: BlockingToolContext) -> str:
    """Let the thread of the earlier call send progress."""
    LEFT_BEHIND.set()
    while LEFT_BEHIND.is_set():
        time.sleep(0.001)
    ctx.progress("alive")
    return "woken"


@tool(effects="none")
def chatty(lines: int, patches: int, ctx: BlockingToolContext) -> str:
    """Say more than a call may."""
    for number in range(lines):
        ctx.log.warning("line %d", number)
        ctx.progress(f"report {number}")
    for number in range(patches):
        ctx.context.patch(thread={"seen": number})
    return "said"
