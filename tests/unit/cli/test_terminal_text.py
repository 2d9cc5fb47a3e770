"""Arguments, input and output in encodings that do not have every character."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.cli import main
from journeyman.cli.terminal_text import decoded, tolerate_encodings


@pytest.mark.parametrize("encoding", ["gbk", "euc-jp", "ascii", "latin-1"])
def test_output_that_cannot_be_encoded_is_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(raw, encoding, write_through=True))
    tolerate_encodings()
    print("a \N{PARTY POPPER} b")
    print("c \N{SNOWMAN WITHOUT SNOW} d \N{PARTY POPPER}", file=sys.stderr)
    assert b"a \\U0001f389 b" in raw.getvalue()


def test_input_that_cannot_be_decoded_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("gbk", "ascii", "utf-8"):
        stdin = io.TextIOWrapper(io.BytesIO(b"hi \xff\nbye\n"), encoding, errors="surrogateescape")
        monkeypatch.setattr(sys, "stdin", stdin)
        tolerate_encodings()
        assert [line.strip() for line in sys.stdin] == ["hi \N{REPLACEMENT CHARACTER}", "bye"]


def test_an_input_that_is_closed_or_was_read_from_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, begun = (io.TextIOWrapper(io.BytesIO(b"a\nb\n"), "utf-8") for _ in range(2))
    closed.close()
    assert begun.readline() == "a\n"
    for stdin in (closed, begun):
        monkeypatch.setattr(sys, "stdin", stdin)
        tolerate_encodings()
    assert begun.readline() == "b\n"


def test_an_argument_is_valid_text(tmp_path: Path) -> None:
    assert decoded("plain é ☃") == "plain é ☃"
    assert decoded(os.fsdecode(b"h\xff")) == "h\N{REPLACEMENT CHARACTER}"
    there = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(there).mkdir()
    assert decoded(there) == there


def test_a_command_with_such_an_argument_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", os.fsdecode(b"no\xff.yaml")]) == 3
    assert "no\N{REPLACEMENT CHARACTER}.yaml" in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", [[], ["--help"], ["serve"], ["init", "x"]])
def test_on_windows_each_command_names_the_way_to_run_it(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command, system="nt") == 3
    assert "WSL 2" in capsys.readouterr().err


def test_the_refusal_on_windows_needs_nothing_that_windows_lacks() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(('fcntl', 'resource', 'pwd', 'grp', 'termios', 'uvloop')))"
    run = f"{hide}; from journeyman.cli import main; import journeyman, journeyman.testing; print(main(system='nt'))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, encoding="utf-8", check=False)
    assert (done.stdout.strip(), "WSL 2" in done.stderr) == ("3", True)
