"""What the doctor says of Python and the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

from journeyman.cli.doctor import machine
from tests.surroundings.table import cell


def test_python_and_its_parts() -> None:
    assert machine.python((3, 10, 9)).state == "broken"
    assert machine.python((3, 11, 0)).state == "fine"
    assert "apsw " in machine.libraries().text
    assert machine.libraries("no-such-package").state == "warning"


def test_open_files() -> None:
    assert machine.open_files(65_536).state == "fine"
    assert machine.open_files(-1).text == "no limit"
    assert "LimitNOFILE" in machine.open_files(1024).text


@cell(
    "clock",
    "before the start",
    "`journeyman doctor` says that the clock is earlier than the journal's last write.",
    case="set back, by the doctor",
)
def test_a_clock_that_went_back(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.touch()
    assert machine.clock((file, tmp_path / "none")).state == "fine"
    ahead = time.time() + 3600
    os.utime(file, (ahead, ahead))
    assert "before the journal was last written" in machine.clock((file,)).text
