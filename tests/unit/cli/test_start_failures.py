"""A server that gets no memory or no threads says so in a sentence."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.cli.start_failures import FILES, MEMORY, THREADS, lack_behind, lack_of_memory


def after(error: Exception) -> Exception:
    """Return another error, which was raised while `error` was handled."""
    other = RuntimeError("cannot join thread before it is started")
    other.__context__ = error
    return other


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MEMORY),
        (OSError(errno.EMFILE, "Too many open files"), FILES),
        (after(OSError(errno.ENFILE, "Too many open files in system")), FILES),
        (ImportError("_core.so: failed to map segment from shared object"), MEMORY),
        (RuntimeError("can't start new thread"), THREADS),
        (after(RuntimeError("can't start new thread")), THREADS),
        (RuntimeError("no running event loop"), None),
        (ImportError("no module named 'x'"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
    ],
)
def test_only_errors_of_memory_threads_and_files_have_a_sentence(error: Exception, sentence: str | None) -> None:
    assert lack_behind(error) == sentence


def test_a_process_without_a_limit_has_enough_memory() -> None:
    assert lack_of_memory() is None


# With a stack this large, the system refuses a thread as it does when a user may have no more of them.
@pytest.mark.parametrize(
    ("megabytes", "stack", "sentence"),
    [
        (100, 8, MEMORY),
        pytest.param(800, 1024, THREADS, marks=pytest.mark.long),
        pytest.param(1500, 1024, THREADS, marks=pytest.mark.long),
    ],
)
def test_serve_ends_with_one_sentence(tmp_path: Path, megabytes: int, stack: int, sentence: str) -> None:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: a\nprompt: p\n")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (stack << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    ended = subprocess.run(
        [sys.executable, "-m", "journeyman", "serve", "agent.yaml", "--offline", "--port", "0", "--no-watch"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{sentence}\n")
