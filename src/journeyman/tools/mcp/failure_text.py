"""Decides what of an MCP server's words about a failure may be shown outside the log. Pure."""

from __future__ import annotations

import re

WITHHELD = "an internal failure of the MCP server; its words are in the log"
_PASSWORD = re.compile(r"(?<=://)[^/?#@\s\"']*(?=@)")  # the user and password of an address
_PASSWORD_FIELD = re.compile(r"\b((?:password|passwd|pwd)=)(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s;,&'\"]+)", re.I)
# How the stack traces of Python, JavaScript, Java, .NET, Go, Rust, Ruby and PHP look, line by line.
_STACK_TRACE = re.compile(
    r"Traceback \(most recent call last\)|Stack trace:|stack backtrace:|\bgoroutine \d+ \[|\bpanicked at "
    r"|^\s*File \"[^\"\n]+\", line \d+"
    r"|^\s*at (?:[^\n]*\([^()\n]*\)|[^\s\n]+:\d+(?::\d+)?|.* in .+:line \d+)\W*$"
    r"|^\s*from [^\s:]+:\d+:in |^#\d+ [^\n]*\(\d+\)",
    re.MULTILINE,
)


def shown_failure(text: str) -> str:
    """Return a failure's text as models, callers and the journal may see it.

    A text with a stack trace becomes `WITHHELD`, since a trace may quote any value of the server's process.
    """
    lines = text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')  # as JSON escapes them
    return WITHHELD if _STACK_TRACE.search(lines) else without_passwords(text)


def without_passwords(text: str) -> str:
    """Return the text with the user and password of each address replaced, and those of connection strings."""
    text = _PASSWORD.sub("[secret]", text) if "://" in text else text
    return _PASSWORD_FIELD.sub(r"\1[secret]", text) if "=" in text else text
