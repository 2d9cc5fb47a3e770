"""`journeyman runs` over a journal file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeyman.cli import main
from journeyman.events.codec import Codec
from journeyman.events.events import RunAccepted
from journeyman.events.messages import user
from journeyman.journal.journal import Append, Batch, ToolOutputRow
from journeyman.journal.sqlite.journal import SqliteJournal
from tests.harness.cli_runner import Shell


@pytest.fixture
async def printed(journal_file: Path) -> str:
    """What a tool of the run has printed."""
    journal = SqliteJournal(journal_file)
    await journal.open()
    row = ToolOutputRow(run="run_1", call="m1.0", tool="pay", at=1, text="paid 20 euros")
    await journal.commit(Batch(at=1, appends=(), outputs=(row,)))
    await journal.close()
    return row.text


def test_runs_are_listed_and_shown(shell: Shell) -> None:
    code, out = shell("runs", "list", "--json")
    (run,) = json.loads(out)["items"]
    assert (code, run["run_id"], run["status"]) == (0, "run_1", "finished")
    code, out = shell("runs", "show", "run_1", "--json")
    assert (code, json.loads(out)["thread_id"]) == (0, "t")


def test_events_are_one_a_line(shell: Shell) -> None:
    code, out = shell("runs", "events", "run_1", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, [event["seq"] for event in events]) == (0, list(range(1, len(events) + 1)))


def test_a_run_that_is_not_there_has_the_exit_code_of_its_error(shell: Shell) -> None:
    code, out = shell("runs", "show", "run_9")
    assert (code != 0, out) == (True, "")


def test_a_list_shows_the_question_and_what_was_used(shell: Shell) -> None:
    for command in (("runs",), ("runs", "list"), ("runs", "--limit", "1")):
        code, out = shell(*command)
        heading, line = out.splitlines()
        assert (code, heading.split()[:4]) == (0, ["RUN", "ID", "STATUS", "AGENT"])
        assert "hi" in line.split()


def test_a_run_is_named_by_the_beginning_of_its_id_and_as_the_last(shell: Shell) -> None:
    for name in ("run", "last", "run_1"):
        for command in ("show", "events", "trace"):
            code, out = shell("runs", command, name, "--json")
            assert (code, "run_1" in out or "spans" in out or "items" in out) == (0, True)
    assert shell("runs", "show", "run_2")[0] == 4


def test_an_ended_run_is_followed_without_a_server(shell: Shell) -> None:
    code, out = shell("runs", "events", "last", "--follow", "--after", "2", "--json")
    assert (code, json.loads(out.splitlines()[-1])["type"]) == (0, "run_finished")


@pytest.fixture
async def open_run(journal_file: Path) -> str:
    """A run that was accepted, and whose server has died."""
    journal = SqliteJournal(journal_file)
    await journal.open()
    accepted = RunAccepted(thread="local/u", principal="local", input=user("and now?"))
    append = Append(stream="run_open", drafts=(Codec().draft(accepted),))
    await journal.commit(Batch(at=1, appends=(append,), epoch=journal.epoch))
    await journal.close()
    return append.stream


def test_an_open_run_cannot_be_followed_without_a_server(open_run: str, shell: Shell) -> None:
    code, out = shell("runs", "events", open_run, "--follow")
    assert (code, "run_accepted" in out) == (5, True)


def test_a_list_of_events_that_was_cut_says_so(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "events", "last", "--limit", "1"]) == 0
    assert "later events than these 1" in capsys.readouterr().err


def test_an_ended_run_is_not_cancelled(shell: Shell) -> None:
    assert shell("runs", "cancel", "last")[0] == 1


def test_what_tools_printed_is_shown_below_the_events(printed: str, shell: Shell) -> None:
    code, out = shell("runs", "show", "run_1")
    assert (code, out.splitlines()[-2:]) == (0, ["pay (m1.0) printed:", f"    {printed}"])
    (shown,) = json.loads(shell("runs", "show", "run_1", "--json")[1])["tool_output"]
    assert (shown["call"], shown["tool"], shown["text"]) == ("m1.0", "pay", printed)
