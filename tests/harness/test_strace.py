"""The sweep's own tools, on a toy: it dies at the n-th write and at no other place."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.child import Child
from tests.harness.strace import Tracer, busiest, killing, required, spread

_TOY = """
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while not os.path.exists(sys.argv[2]): time.sleep(0.005)
for number in range(6):
    os.pwrite(file, b"x", number)
"""


async def _toy(tmp_path: Path, arguments: list[str]) -> tuple[Child, Tracer]:
    written, go = tmp_path / "written", tmp_path / "go"
    child = Child("toy", [sys.executable, "-c", _TOY, str(written), str(go)], tmp_path)
    while not written.exists():
        await asyncio.sleep(0.005)
    tracer = Tracer(tmp_path)
    await tracer.attach(child.pid, arguments)
    go.touch()
    await asyncio.to_thread(child.wait, 10)
    return child, tracer


async def test_the_toy_dies_at_its_third_write(tmp_path: Path) -> None:
    required()
    child, tracer = await _toy(tmp_path, killing("pwrite64", 3))
    await tracer.close()
    assert child.process.returncode == -signal.SIGKILL
    assert (tmp_path / "written").stat().st_size == 2


async def test_calls_are_counted_in_the_busiest_thread(tmp_path: Path) -> None:
    required()
    child, tracer = await _toy(tmp_path, ["-f", "-e", "trace=pwrite64,fdatasync"])
    await tracer.detach()
    assert child.process.returncode == 0
    assert busiest(tracer.log, ("pwrite64", "fdatasync")) == {"pwrite64": 6, "fdatasync": 0}


@pytest.mark.parametrize("total", [1, 5, 15, 60])
def test_points_are_spread_over_every_call(total: int) -> None:
    counts = {"pwrite64": 40, "fdatasync": 7, "write": 30, "sendto": 0}
    points = spread(counts, total)
    assert len(points) == len(set(points)) == total
    assert all(1 <= number <= counts[name] for name, number in points)
    assert total < 3 or {name for name, _ in points} == {"pwrite64", "fdatasync", "write"}
