"""The processes that are measured: the gateway, the floor and Journeyman, each by its own command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Child, free_port
from benchmarks.usage import cpu_ms, rss_mb

ROOT = Path(__file__).parent.parent
AGENTS = Path(__file__).parent / "agents"


@dataclass
class Server:
    """A running process that listens on `port`; `cold` is its seconds from start to ready."""

    child: Child
    port: int
    cold: float

    @property
    def cpu_ms(self) -> float:
        return cpu_ms(self.child.pid)

    @property
    def rss_mb(self) -> float:
        return rss_mb(self.child.pid)


def environment(**settings: str) -> dict[str, str]:
    """The caller's environment without any setting of Journeyman's that could change the measurement."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "", **settings}


@contextmanager
def gateway(folder: Path, chunks: int, interval: float) -> Iterator[str]:
    """The fake gateway; gives its base URL."""
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.gateway", str(port), "--chunks", str(chunks), "--interval", str(interval)]
    child = Child(f"gateway-{port}", argv, folder, environment(), cwd=ROOT)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/stats", 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.stop()


@contextmanager
def floor(folder: Path, gateway_url: str) -> Iterator[Server]:
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.floor", str(port), gateway_url, str(folder / f"floor-{port}.db")]
    yield from _serve(f"floor-{port}", argv, port, folder, environment())


@contextmanager
def journeyman(folder: Path, gateway_url: str, log_level: str = "WARNING") -> Iterator[Server]:
    port = free_port()
    argv = [sys.executable, "-m", "journeyman", "serve", str(AGENTS), "--no-watch"]
    yield from _serve(f"journeyman-{port}", argv, port, folder, _settings(folder, port, gateway_url, log_level))


@contextmanager
def blind(folder: Path, gateway_url: str) -> Iterator[Server]:
    """The same without logs and metrics."""
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.blind", str(AGENTS)]
    yield from _serve(f"blind-{port}", argv, port, folder, _settings(folder, port, gateway_url, "ERROR"))


def _settings(folder: Path, port: int, gateway_url: str, log_level: str) -> dict[str, str]:
    settings = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{folder / f'journeyman-{port}.db'}",
        "LITELLM_GATEWAY_URL": gateway_url,
        "LITELLM_GATEWAY_API_KEY": "sk-benchmark",
        "LOG_LEVEL": log_level,
    }
    return environment(**settings)


def _serve(name: str, argv: list[str], port: int, folder: Path, env: dict[str, str]) -> Iterator[Server]:
    child = Child(name, argv, folder, env, cwd=ROOT)
    try:
        cold = child.wait_http(f"http://127.0.0.1:{port}/readyz", 30)
        yield Server(child, port, cold)
    finally:
        child.stop()
