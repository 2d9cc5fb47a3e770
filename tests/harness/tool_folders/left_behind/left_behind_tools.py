"""Tools that leave something behind which could reach a later call, most of them by an ordinary mistake."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from journeyman.tools.process.protocol import Done, pack
from journeyman.tools.tool import BlockingToolContext, resource, tool

BORN = time.monotonic_ns()  # of this process, in whatever namespace


def channel() -> socket.socket:
    """The worker's own socket, as a tool finds it."""
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
    raise LookupError("no socket is open")


@tool(effects="none")
def born() -> int:
    """Tell which process this is."""
    return BORN


@tool(effects="none")
def mine(ctx: BlockingToolContext) -> str:
    """Return something of the caller's."""
    return f"of {ctx.principal}"


@tool(effects="none")
def fork_and_return(ctx: BlockingToolContext) -> str:
    """Fork, and forget that both processes return."""
    pid = os.fork()
    if pid == 0:
        return f"of the child of {ctx.principal}"
    _, status = os.waitpid(pid, 0)
    return f"of {ctx.principal}: {os.waitstatus_to_exitcode(status)}"


@tool(effects="none")
def fork_and_fail(ctx: BlockingToolContext) -> str:
    """Fork, speak to the server in the child, and let an exception out of it."""
    pid = os.fork()
    if pid == 0:
        ctx.progress("of the child")
        ctx.log.info("logged by the child")
        ctx.context.patch(thread={"of": "the child"})
    _, status = os.waitpid(pid, 0)
    return f"of {ctx.principal}: {os.waitstatus_to_exitcode(status)}"


@tool(effects="none")
def sockets_of_programs() -> str:
    """Say whether a program has a socket that is started without closing files."""
    command = ["sh", "-c", "ls -l /proc/self/fd | grep -q socket:"]
    _, status = os.waitpid(os.posix_spawnp("sh", command, os.environ), 0)
    return "none" if os.waitstatus_to_exitcode(status) else "some"


@tool(effects="none", retries=0)
def answer_twice(ctx: BlockingToolContext) -> str:
    """Write an answer of one's own into the socket."""
    channel().sendall(pack(Done(result=f"for {ctx.principal} only")))
    return "never"


@tool(effects="none")
def write_later(ctx: BlockingToolContext, when: str, done: str) -> str:
    """Leave a thread that writes an answer into the socket once the call is over."""
    data = pack(Done(result=f"for {ctx.principal} only"))

    def write() -> None:
        Path(when).read_text()  # a FIFO
        channel().sendall(data)
        Path(done).write_text("done")

    threading.Thread(target=write, daemon=True).start()
    return "left"


SEEN: list[str] = []  # what an ordinary cache of a module becomes


@tool(effects="none")
def leave_everything(ctx: BlockingToolContext) -> str:
    """Leave behind in the process and on the disk whatever a call can."""
    SEEN.append(f"of {ctx.principal}")
    os.umask(0)
    random.seed(7)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    threading.Thread(target=threading.Event().wait, daemon=True, name="left behind").start()
    Path(tempfile.gettempdir(), "left.txt").write_text("left")
    Path("/dev/shm/left-by-a-call").write_text("left")
    return "left"


@tool(effects="none")
def look_around() -> dict[str, Any]:
    """Return what calls left behind."""
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "seen": SEEN,
        "umask": umask,
        "random": random.random() == random.Random(7).random(),
        "signal": signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
        "threads": [each.name for each in threading.enumerate() if each.name == "left behind"],
        "file": Path(tempfile.gettempdir(), "left.txt").exists(),
        "shared": Path("/dev/shm/left-by-a-call").exists(),
    }


class Connections:
    """A pool of connections, which remembers who used it."""

    made = 0

    def __init__(self) -> None:
        Connections.made += 1
        self.users: list[str] = []


@resource
def connections() -> Iterator[Connections]:
    """Open the pool."""
    yield Connections()


@tool(effects="none")
def query(ctx: BlockingToolContext, db: Connections) -> dict[str, Any]:
    """Use the pool of connections."""
    db.users.append(ctx.principal)
    return {"users": db.users, "made": Connections.made}
