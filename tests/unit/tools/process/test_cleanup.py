"""What a call may leave behind in its worker process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.tools.process.cleanup import ProcessBaseline


class HarmlessBaseline(ProcessBaseline):
    """A baseline that kills no process: those of this one belong to other tests."""

    def _kill_descendants(self) -> None:
        return None


@pytest.fixture
def baseline(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessBaseline]:
    """The baseline of this process, which the cleanup must not harm: no child is killed and none is collected."""
    made = HarmlessBaseline(alone=False)
    yield made
    assert made.restore()


def test_folder_environment_and_signals_are_as_they_were(baseline: ProcessBaseline, tmp_path: Path) -> None:
    folder = Path.cwd()
    os.chdir(tmp_path)
    os.environ["LEFT_BEHIND"] = "yes"
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    assert baseline.restore()
    assert Path.cwd() == folder
    assert "LEFT_BEHIND" not in os.environ
    assert signal.SIGUSR1 not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.alone  # it measures CPU
def test_a_thread_that_waits_is_left_alone_and_a_busy_one_ends_the_process(baseline: ProcessBaseline) -> None:
    stop = threading.Event()
    waiting = threading.Thread(target=stop.wait)

    def spin() -> None:
        while not stop.is_set():
            pass

    busy = threading.Thread(target=spin)
    try:
        waiting.start()
        assert baseline.restore()
        busy.start()
        assert not baseline.restore()
    finally:  # a thread that is left spins in every test after this one
        stop.set()
    for thread in (waiting, busy):
        thread.join()
