"""What of a server's words about a failure is shown outside the log."""

from __future__ import annotations

import json

import pytest

from journeyman.tools.mcp.failure_text import WITHHELD, shown_failure, without_passwords

PYTHON = 'Traceback (most recent call last):\n  File "/app/server.py", line 12, in query\n    open("pw")\nKeyError'
NODE = "Error: connect ECONNREFUSED\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)"
NODE_MODULE = "TypeError: x is not a function\n    at file:///app/index.js:10:3"
JAVA = 'Exception in thread "main" java.lang.IllegalStateException: no pool\n\tat com.example.Db.open(Db.java:41)'
DOTNET = "System.Exception: no pool\n   at Example.Db.Open(String dsn) in /src/Db.cs:line 41"
GO = "panic: no pool\n\ngoroutine 1 [running]:\nmain.open(0x1)\n\t/app/db.go:41 +0x1d"
RUST = "thread 'main' panicked at src/db.rs:41:9:\nno pool"
RUBY = "db.rb:41:in `open': no pool (RuntimeError)\n\tfrom server.rb:3:in `<main>'"
PHP = "PHP Fatal error: no pool\n#0 /app/server.php(3): open('hunter2')\n#1 {main}"


@pytest.mark.parametrize("trace", [PYTHON, NODE, NODE_MODULE, JAVA, DOTNET, GO, RUST, RUBY, PHP])
def test_a_stack_trace_is_not_shown_also_within_json(trace: str) -> None:
    assert shown_failure(trace) == WITHHELD
    assert shown_failure(f"It failed:\n{trace}\nTry again.") == WITHHELD
    assert shown_failure(json.dumps({"error": trace})) == WITHHELD


@pytest.mark.parametrize(
    "text",
    [
        "no such order",
        "Invalid arguments for tool echo: text is required\n  at path $.text",
        "Arrive at the office (3rd floor) by 9:30",
        "The file is from 12:30",
    ],
)
def test_other_failures_are_shown_as_they_are(text: str) -> None:
    assert shown_failure(text) == text


def test_passwords_of_addresses_are_replaced() -> None:
    assert without_passwords("postgres://app:hunter2@db/x and https://x.example/a@b") == (
        "postgres://[secret]@db/x and https://x.example/a@b"
    )
    assert shown_failure("cannot reach redis://:pw@cache") == "cannot reach redis://[secret]@cache"
    assert shown_failure("host=db user=app password=hunter2 sslmode=off") == (
        "host=db user=app password=[secret] sslmode=off"
    )
    assert shown_failure("Server=db;Pwd='a b;c';Timeout=5") == "Server=db;Pwd=[secret];Timeout=5"
