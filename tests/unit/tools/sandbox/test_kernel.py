"""What the kernel keeps from other processes of the same user."""

from __future__ import annotations

import subprocess
import sys

import pytest

VICTIM_AND_THIEF = """
import os, time
from pathlib import Path
from journeyman.tools.sandbox import kernel

kernel.drop_privileges()  # root's capabilities reach every memory
ready, told = os.pipe()
victim = os.fork()
if victim == 0:
    kernel.close_memory()
    os.write(told, b"x")
    time.sleep(60)
os.read(ready, 1)
try:
    Path(f"/proc/{victim}/environ").read_bytes()
    print("read")
except OSError as exc:
    print(type(exc).__name__)
os.kill(victim, 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux closes the memory of a process")
def test_closed_memory_is_read_by_no_other_process() -> None:
    argv = [sys.executable, "-c", VICTIM_AND_THIEF]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "PermissionError\n"
