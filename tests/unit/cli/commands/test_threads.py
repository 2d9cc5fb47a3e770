"""`journeyman threads` over a journal file."""

from __future__ import annotations

import json

from tests.harness.cli_runner import Shell


def test_threads_are_listed_and_read(shell: Shell) -> None:
    code, out = shell("threads", "--json")
    (thread,) = json.loads(out)["items"]
    assert (code, thread["thread_id"], thread["messages"]) == (0, "t", 2)
    code, out = shell("threads", "show", "t")
    assert code == 0
    assert out.index("hi") < out.index("hello")
    assert shell("threads", "show", "nope")[0] != 0
