"""The variables that agent files and tools see: those of the process over those of `.env`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.environment import Environment, read_env_file
from journeyman.errors import ConfigurationError

NAMES = st.sampled_from(["A", "B", "C", "a"])
VARIABLES = st.dictionaries(NAMES, st.sampled_from(["", "1", "2"]), max_size=4)


@settings(max_examples=40)
@given(process=VARIABLES, file=VARIABLES)
def test_the_process_wins_even_with_an_empty_value(process: dict[str, str], file: dict[str, str]) -> None:
    both = Environment(process, file)
    assert dict(both) == {**file, **process}
    assert len(both) == len(set(both))
    assert all(file[name] and not process.get(name) for name in both.hidden)


def test_the_environment_of_the_process_is_seen_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Environment(file={"OF_THE_FILE": "1"})
    monkeypatch.setenv("OF_THE_PROCESS", "2")
    assert (both["OF_THE_FILE"], both["OF_THE_PROCESS"], both.get("NEITHER")) == ("1", "2", None)
    assert "OF_THE_FILE" not in os.environ
    assert "2" not in repr(both).replace(str(len(both)), "")


def test_names_are_compared_without_regard_to_case() -> None:
    both = Environment({"port": "", "HOST": "a"}, {"PORT": "1", "host": "b", "OTHER": "c"})
    assert both.hidden == ("PORT",)
    assert both.visible_in_file() == {"OTHER": "c"}


def test_lines_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        '\ufeffA=1\n# text\n\nexport B="two words"\nC=\nD\nE: F = 3\n'.replace("E: F = 3\n", "") + "F = 'x'\n"
    )
    assert read_env_file(file) == {"A": "1", "B": "two words", "C": "", "F": "x"}
    assert read_env_file(None) == read_env_file(tmp_path / "none") == read_env_file(tmp_path) == {}


@pytest.mark.parametrize(
    "line",
    [
        "AUTH_MODE required",
        "AUTH_MODE: hush-hush",
        "AUTH_MODE:hush-hush",
        'API_KEY="hush-hush',
        "=hush-hush",
        "- hush-hush",
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"PORT=1\n\n{line}\nHOST=x\nNO SUCH\n")
    with pytest.raises(ConfigurationError) as caught:
        read_env_file(file)
    assert [problem.line for problem in caught.value.problems] == [3, 5]
    assert "hush" not in caught.value.message
    assert f"{file}:3: the line cannot be read (write NAME=value" in caught.value.message


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigurationError, match="Make it a UTF-8 file"):
        read_env_file(file)
