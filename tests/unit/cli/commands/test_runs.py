"""`journeyman runs` over a journal file."""

from __future__ import annotations

import json

from tests.harness.cli_runner import Shell


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
