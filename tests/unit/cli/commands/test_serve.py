from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.commands.serve import parser


def test_the_command_line_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    given = parser().parse_args(["agents", "--port", "0", "--no-watch"])
    assert (given.path, given.port, given.watch, given.offline) == (Path("agents"), 0, False, False)
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--nonsense"])
    assert ended.value.code == 2
    assert "--nonsense" in capsys.readouterr().err
