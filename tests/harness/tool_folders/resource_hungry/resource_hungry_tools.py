"""Tools that use more than they may. Each has its own limits, so that a failing test costs little."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from journeyman.tools.tool import tool

LIMITS = {"cpu_seconds": 1, "memory_mb": 512, "processes": 24, "output_mb": 4, "open_files": 64, "file_mb": 1}


@tool(effects="none", retries=0, timeout_seconds=0.5, limits=LIMITS)
def loop_for_ever() -> str:
    """Never return."""
    while True:
        pass


@tool(effects="none", retries=0, timeout_seconds=40, limits=LIMITS)
def use_cpu() -> str:
    """Use more CPU than allowed."""
    while True:
        pass


@tool(effects="none", limits=LIMITS)
def allocate() -> str:
    """Ask for 4 GB."""
    return str(len(bytearray(4 << 30)))


@tool(effects="none", limits=LIMITS)
def map_memory() -> str:
    """Ask the kernel for 4 GB."""
    return str(len(mmap.mmap(-1, 4 << 30)))


@tool(effects="none", retries=0, timeout_seconds=2, limits=LIMITS)
def fork_bomb() -> str:
    """Start processes that start more, each up to 100."""
    for _ in range(100):
        try:
            if os.fork() == 0:
                time.sleep(0.01)
        except OSError:
            time.sleep(5)
            os._exit(1)
    time.sleep(5)
    return "?"


@tool(effects="none", limits=LIMITS)
def count_forks() -> str:
    """Return how many processes can be started, at most 60."""
    for count in range(60):
        try:
            if os.fork() == 0:
                time.sleep(10)
                os._exit(0)
        except OSError:
            return str(count)
    return "60"


@tool(effects="none", retries=0, limits=LIMITS)
def leave_daemon(heartbeat: str) -> str:
    """Start a process in another session that writes for ever, and return."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for _ in range(600):
                Path(heartbeat).write_text(str(time.monotonic()))
                time.sleep(0.05)
        os._exit(0)
    while not Path(heartbeat).exists():
        time.sleep(0.005)
    return "left"


@tool(effects="none", retries=0, timeout_seconds=0.5, limits=LIMITS)
def hang_with_daemon(heartbeat: str) -> str:
    """Start the process, and never return."""
    leave_daemon(heartbeat)
    time.sleep(60)
    return "?"


@tool(effects="none", retries=0, limits=LIMITS)
def close_everything() -> str:
    """Close every file descriptor."""
    os.closerange(0, 256)
    time.sleep(60)
    return "?"


@tool(effects="none", retries=0, timeout_seconds=20, limits=LIMITS)
def print_gigabyte() -> str:
    """Print 1 GB."""
    for _ in range(1024):
        os.write(1, b"x" * (1 << 20))
    return "printed"


@tool(effects="none", retries=0, timeout_seconds=0.5, limits=LIMITS)
def endless_threads() -> str:
    """Start threads that never end, and wait for them."""
    threads = [threading.Thread(target=_spin) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return "?"


def _spin() -> None:
    while True:
        pass


@tool(effects="none", limits=LIMITS)
def leave_busy_thread() -> str:
    """Leave a thread running that never ends."""
    threading.Thread(target=_spin, daemon=True).start()
    return str(BORN)


@tool(effects="none", limits=LIMITS)
def born() -> str:
    """Return when this process was started."""
    return str(BORN)


BORN = time.monotonic_ns()


@tool(effects="none", retries=0, timeout_seconds=0.5, limits=LIMITS)
def mind_no_signal() -> str:
    """Install handlers that block, and block every signal."""
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(each, lambda *_: time.sleep(60))
        except (OSError, ValueError):
            continue
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    while True:
        time.sleep(60)


@tool(effects="none", retries=0, limits=LIMITS)
def write_file() -> str:
    """Write a file that is larger than allowed."""
    with Path(os.environ.get("TMPDIR", "/tmp"), f"greedy-{time.monotonic_ns()}").open("wb") as file:
        os.unlink(file.name)
        file.write(b"x" * (3 << 20))
    return "written"


@tool(effects="none", retries=0, limits=LIMITS)
def open_files() -> str:
    """Open more than allowed."""
    kept = [open("/dev/null") for _ in range(200)]  # noqa: SIM115
    return str(len(kept))


@tool(effects="none", limits=LIMITS)
def five_megabytes() -> str:
    """Return a long text."""
    return "x" * 5_000_000


@tool(effects="none")
def probe(port: int, path: str, pid: int) -> dict[str, Any]:
    """Return what can be reached from the process."""
    return {
        "connect": _tried(lambda: socket.create_connection(("127.0.0.1", port), 1).close()),
        "read": _tried(lambda: Path(path).read_text()),
        "write": _tried(lambda: Path(path).write_text("changed")),
        "temporary": _tried(lambda: Path(os.environ.get("TMPDIR", "/tmp"), "mine").write_text("x")),
        "kill": _tried(lambda: os.kill(pid, 0)),
        "environ": _tried(lambda: Path(f"/proc/{pid}/environ").read_bytes()),
        "run": _tried(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=10)),
        "user": _tried(lambda: os.setuid(0)),
        "granted": os.environ.get("JM_GRANTED"),
        "secret": os.environ.get("JM_SECRET"),
    }


def _tried(act: Any) -> str:
    try:
        act()
    except OSError as exc:
        return type(exc).__name__
    return "done"
