"""Reading commands over a journal file, with no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.cli.client.queries import JournalFileQueries, Queries, queries
from journeyman.errors import NotFoundError
from journeyman.settings import Settings


def reader(path: Path) -> Queries:
    return queries(Settings.read(env_file=None, database_url=f"sqlite:///{path}"), None)


def test_lists_and_single_things_have_the_shape_of_the_api(journal_file: Path) -> None:
    found = reader(journal_file)
    assert isinstance(found, JournalFileQueries)
    (run,) = found.runs({}, 10)
    assert (run["status"], run["thread_id"], found.run(run["run_id"])["run_id"]) == ("finished", "t", run["run_id"])
    assert [event["seq"] for event in found.events(run["run_id"], 1, 2)] == [2, 3]
    assert [item["message"]["role"] for item in found.messages("t", 10)] == ["user", "assistant"]
    assert [thread["thread_id"] for thread in found.threads(10)] == ["t"]
    assert (found.approvals(10), found.runs({"status": "failed"}, 10)) == ([], [])


def test_what_is_not_there_is_not_found(journal_file: Path) -> None:
    for look in (lambda: reader(journal_file).run("run_9"), lambda: reader(journal_file).messages("nope", 1)):
        with pytest.raises(NotFoundError):
            look()
