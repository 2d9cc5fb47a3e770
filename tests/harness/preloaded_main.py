"""The process that imports Journeyman and forks servers, see `tests.harness.preloaded`."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from typing import Any

from journeyman.cli import main

PRELOADED = (
    "journeyman.cli.commands.serve",
    "journeyman.server.serving.app",
    "journeyman.server.serving.listen",
    "journeyman.server.serving.serve",
    "journeyman.egress.pool",  # aiohttp
    "pydantic.v1",  # FastAPI imports it with its first route
    "uvloop",
)
REQUEST_BYTES = 1 << 20


def serve_requests(requests: socket.socket) -> list[str]:
    """Answer requests until the other side is gone. Returns only in a forked process: its arguments."""
    running: set[int] = set()
    while True:
        data, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 2)
        if not data:
            break
        request = json.loads(data)
        if "reap" in request:
            running.discard(request["reap"])
            requests.send(str(os.waitpid(request["reap"], 0)[1]).encode())
            continue
        begun, begin = os.pipe()
        pid = os.fork()
        if not pid:
            requests.close()
            os.close(begun)
            _become(request, files)
            os.close(begin)
            return list(request["argv"])
        for file in (begin, *files):
            os.close(file)
        os.read(begun, 1)  # its end: the process has a session that it leads
        os.close(begun)
        running.add(pid)
        requests.send(str(pid).encode())
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _become(request: dict[str, Any], files: list[int]) -> None:
    os.setsid()
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["journeyman", *request["argv"]]


if __name__ == "__main__":
    for name in PRELOADED:
        import_module(name)
    gc.freeze()
    arguments = serve_requests(socket.socket(fileno=int(sys.argv[1])))
    gc.unfreeze()
    sys.exit(main(arguments))
