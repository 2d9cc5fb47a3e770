from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from journeyman.cli.watch import Snapshot, Watch, snapshot


class FakeProcess:
    """A child that ends when it is told to, or after `waits` waits."""

    def __init__(self, code: int = 0, waits: int = 1000, deaf: bool = False) -> None:
        self.signals: list[int] = []
        self.killed = False
        self._code, self._waits, self._deaf = code, waits, deaf

    def wait(self, timeout: float | None = None) -> int:
        self._waits -= 1
        ended = self._waits < 0 or self.killed or (self.signals and not self._deaf)
        if not ended:
            raise subprocess.TimeoutExpired("child", timeout or 0)
        return self._code

    def send_signal(self, sig: int, /) -> None:
        self.signals.append(sig)

    def kill(self) -> None:
        self.killed = True


def looks(*numbers: int) -> Callable[[], Snapshot]:
    """Each look in turn; the last one for ever."""
    left = list(numbers)
    return lambda: {Path("agent.yaml"): ((left.pop(0) if len(left) > 1 else left[0]), 1)}


def watching(
    children: list[FakeProcess], look: Callable[[], Snapshot], check: int = 0
) -> tuple[Watch, list[FakeProcess], list[str]]:
    said: list[str] = []
    left = list(children)
    watch = Watch(lambda: left.pop(0), lambda: FakeProcess(check, 0), look, lambda _: None, said.append)
    return watch, left, said


def test_a_change_replaces_the_serving_process() -> None:
    old, new = FakeProcess(), FakeProcess(7, 2)
    watch, left, said = watching([old, new], looks(1, 2))
    assert watch.run() == 7
    assert (old.signals, left, said) == ([signal.SIGTERM], [], ["changed: agent.yaml"])


def test_a_bad_change_keeps_it() -> None:
    old = FakeProcess(5, 4)
    watch, _, said = watching([old], looks(1, 2), check=3)
    assert watch.run() == 5
    assert old.signals == []
    assert said == ["changed: agent.yaml", "the version before this change goes on serving"]


def test_a_file_that_is_still_being_written_waits() -> None:
    old, new = FakeProcess(), FakeProcess(0, 2)
    watch, _, said = watching([old, new], looks(1, 2, 3, 4))
    watch.run()
    assert said == ["changed: agent.yaml"]


def test_one_that_does_not_end_is_killed() -> None:
    old, new = FakeProcess(deaf=True), FakeProcess(0, 2)
    watch, _, _ = watching([old, new], looks(1, 2))
    watch.run()
    assert old.killed


def test_a_signal_is_passed_on_and_its_end_is_ours() -> None:
    child = FakeProcess(0)
    made: list[Watch] = []

    def look() -> Snapshot:
        made[0].stop(signal.SIGINT)
        return {}

    watch, _, _ = watching([child], look)
    made.append(watch)
    assert watch.run() == 0
    assert child.signals[0] == signal.SIGINT


def test_what_is_looked_at(tmp_path: Path) -> None:
    for name in ("agent.yaml", "notes.txt", "tools/a.py", "tools/deep/b.py", "tools/.hidden/c.py", "other/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {str(path.relative_to(tmp_path)) for path in snapshot((tmp_path, tmp_path / "tools")) if path.is_absolute()}
    assert found == {"agent.yaml", "tools/a.py", "tools/deep/b.py"}
    before = snapshot((tmp_path, tmp_path / "tools"))
    (tmp_path / "tools/a.py").write_text("x")
    assert snapshot((tmp_path, tmp_path / "tools")) != before
