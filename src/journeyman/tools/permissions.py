"""What a tool may use: hosts, files and variables, declared in its code and narrowed by agent files. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

_HOST = re.compile(r"(\*|(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST = 100  # entries of one kind

Entries = tuple[str, ...]


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """The permissions of a tool. None means that a kind is not declared, an empty tuple that nothing is allowed.

    `network`: hosts such as `api.shop.example`, `*.shop.example` or `*` for all, optionally with one `:port`.
    `files`: paths that may be read and written, with all below them. Relative paths count from the folder that holds
    the tools folder.
    `env`: variables of the server that the tool may see.
    """

    network: Entries | None = None
    files: Entries | None = None
    env: Entries = ()

    @property
    def declared(self) -> bool:
        """Whether any permission is declared."""
        return self != Permissions()

    @classmethod
    def read(cls, given: object) -> Permissions:
        """Read permissions from a mapping. Raises ValueError with a sentence about the first invalid entry."""
        if not isinstance(given, Mapping):
            raise ValueError("permissions is a mapping with network, files and env")
        unknown = [str(key) for key in given if key not in _KINDS]
        if unknown:
            raise ValueError(f"permissions has no {unknown[0][:60]!r}: use network, files and env")
        return cls(**{kind: _entries(kind, values) for kind, values in given.items() if values is not None})

    def beyond(self, code: Permissions) -> dict[str, Entries]:
        """Return the entries, by kind, that allow more than `code` does. Kinds that it leaves open are left out."""
        found = {
            "network": _uncovered(self.network, code.network, covers_host),
            "files": _uncovered(self.files, code.files, covers_path),
            "env": _uncovered(self.env, code.env if code.declared else None, str.__eq__),
        }
        return {kind: entries for kind, entries in found.items() if entries}

    def within(self, other: Permissions) -> Permissions:
        """Return the permissions that both allow."""
        return Permissions(
            network=_intersection(self.network, other.network, _common_host),
            files=_intersection(self.files, other.files, _common_path),
            env=tuple(name for name in self.env if name in other.env),
        )


def covers_host(allowed: str, host: str) -> bool:
    """Check whether an entry allows a host, or all that another entry allows. Without a port it allows every port."""
    name, port = _host_and_port(allowed)
    other, other_port = _host_and_port(host)
    if port and port != other_port:
        return False
    return name in ("*", other) or (name.startswith("*.") and other.endswith(name[1:]))


def covers_path(allowed: str, path: str) -> bool:
    """Check whether `path` is `allowed` or below it, by their text: links are not followed."""
    allowed, path = posixpath.normpath(allowed), posixpath.normpath(path)
    if path.split("/")[0] == "..":
        return False
    if allowed == ".":
        return not path.startswith("/")
    return path == allowed or path.startswith(allowed.rstrip("/") + "/")


def _host_and_port(entry: str) -> tuple[str, str]:
    """Split an entry into host and `:port`; the port may be empty."""
    found = _HOST.fullmatch(entry)
    port = found[4] if found else None
    return (entry[: -len(port)], port) if port else (entry, "")


def _is_path(entry: str) -> bool:
    return bool(entry.strip()) and "\0" not in entry and not entry.startswith("~") and ".." not in entry.split("/")


_KINDS: dict[str, tuple[Callable[[str], object], str]] = {
    "network": (_HOST.fullmatch, "a host such as api.shop.example, *.shop.example or localhost:8080, in lower case"),
    "files": (_is_path, "a path without .. and ~"),
    "env": (_VARIABLE.fullmatch, "the name of a variable"),
}


def _entries(kind: str, values: Any) -> Entries:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"permissions: {kind} is a list")
    is_valid, expected = _KINDS[kind]
    entries = tuple(values)
    for entry in entries:
        if not isinstance(entry, str) or not is_valid(entry):
            raise ValueError(f"permissions: {kind}: {entry!r:.100} is not {expected}")
    if len(entries) > _MOST:
        raise ValueError(f"permissions: {kind} has more than {_MOST} entries")
    return tuple(dict.fromkeys(entries))


def _uncovered(wanted: Entries | None, allowed: Entries | None, covers: Callable[[str, str], bool]) -> Entries:
    """Return the wanted entries that no allowed entry covers; none if either is not declared."""
    if wanted is None or allowed is None:
        return ()
    return tuple(entry for entry in wanted if not any(covers(each, entry) for each in allowed))


def _intersection(
    one: Entries | None, other: Entries | None, intersect: Callable[[str, str], str | None]
) -> Entries | None:
    """Return what both allow; if one is not declared, the other."""
    if one is None or other is None:
        return other if one is None else one
    common = (intersect(first, second) for first in one for second in other)
    return tuple(dict.fromkeys(entry for entry in common if entry is not None))


def _common_host(one: str, other: str) -> str | None:
    """Return the entry for what both allow: the narrower name, with the port of either. None if there is nothing."""
    (name, port), (other_name, other_port) = _host_and_port(one), _host_and_port(other)
    if port and other_port and port != other_port:
        return None
    if covers_host(name, other_name):
        return other_name + (port or other_port)
    return name + (port or other_port) if covers_host(other_name, name) else None


def _common_path(one: str, other: str) -> str | None:
    """Return the narrower of two paths if one contains the other; None otherwise."""
    if covers_path(one, other):
        return other
    return one if covers_path(other, one) else None


class ProcessLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The resource limits of a worker process. Wall-clock time is limited by the tool's `timeout_seconds`."""

    cpu_seconds: int = 60  # for one call; each process that a tool starts may use as much
    memory_mb: int = 2048  # MiB of address space of each process
    open_files: int = 256
    processes: int = 64  # with threads
    file_mb: int = 256  # MiB of each file written
    output_mb: int = 16  # MiB printed by one call
