"""The rules of the static check: id, severity and remedy. docs/reference/tool-checks.md explains each of them."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]
Access = Literal["network", "host", "write", "path", "env", "loop", "thread_state"]


class Rule(msgspec.Struct, frozen=True):
    """A rule of the static check."""

    id: str
    severity: Severity
    remedy: str


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a file that a rule is about. With `access`, the tool's policy decides whether it breaks a rule."""

    line: int
    end: int
    message: str
    rule: str = ""
    access: Access | None = None
    what: str = ""  # the host, path or variable; empty if it is computed at run time


RULES = {
    rule.id: rule
    for rule in (
        Rule("JM101", "error", "parse the data (json, ast.literal_eval), or call a function by name"),
        Rule("JM102", "error", "give a list of arguments to subprocess.run, without shell=True"),
        Rule("JM103", "warning", "prefer a library; if it must be a program, use a fixed one with a timeout"),
        Rule("JM104", "error", "use json or msgspec: these formats run code while they are read"),
        Rule("JM105", "error", "use yaml.safe_load"),
        Rule("JM106", "error", "import by name at the top of the file"),
        Rule("JM107", "error", "use the public interface: this is a way around it"),
        Rule("JM108", "error", "use a library with a Python interface: a wrong pointer ends the process"),
        Rule("JM109", "warning", "return a result, or raise an exception: other calls use the same process"),
        Rule("JM110", "warning", "use a fixed template and give it values, or jinja2.sandbox"),
        Rule("JM201", "warning", "give timeout=: without one a silent server holds the call"),
        Rule("JM202", "warning", "declare the hosts: permissions={'network': ['api.example']}"),
        Rule("JM203", "error", "remove the use, or declare the hosts in permissions.network"),
        Rule("JM204", "error", "declare the host in permissions.network, or correct the address"),
        Rule("JM205", "error", "leave the check of certificates on; give the authority's file if it is your own"),
        Rule("JM301", "warning", "declare the paths: permissions={'files': ['data/']}"),
        Rule("JM302", "error", "declare the path in permissions.files, or correct it"),
        Rule("JM303", "warning", "declare it: permissions={'env': ['NAME']}; a worker sees no other"),
        Rule("JM304", "error", "use tempfile.NamedTemporaryFile or mkstemp: another process may use the name first"),
        Rule("JM305", "error", "give filter='data' (tar), or check each name: an archive may name any path"),
        Rule("JM401", "error", "put it into the environment, declare it in permissions.env and read it there"),
        Rule("JM501", "error", "await an asynchronous one, use asyncio.to_thread, or isolation='process'"),
        Rule("JM502", "warning", "use asyncio.to_thread, or isolation='process'; short reads of local files may stay"),
        Rule("JM503", "error", "await something in the loop, or use isolation='process'"),
        Rule("JM504", "warning", "catch Exception, or raise again: a cancelled call must end"),
        Rule("JM601", "warning", "install it where the server runs, or import it in a try"),
        Rule("JM602", "warning", "leave cache_ttl out: another thread's answer would be given"),
        Rule(
            "JM701", "warning", "name it in ASCII letters: models misspell other names, and some gateways refuse them"
        ),
        Rule("JM702", "warning", "use None as the default: JSON has no nan and no infinity, so no model can give them"),
    )
}
