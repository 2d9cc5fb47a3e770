from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.commands.serve import argument_parser


def test_the_options_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    options = argument_parser().parse_args(["agents", "--port", "0", "--no-watch"])
    assert (options.path, options.port, options.watch, options.offline) == (Path("agents"), 0, False, False)
    with pytest.raises(SystemExit) as ended:
        argument_parser().parse_args(["--nonsense"])
    assert ended.value.code == 2
    assert "--nonsense" in capsys.readouterr().err
