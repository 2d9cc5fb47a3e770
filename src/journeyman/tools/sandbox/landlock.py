"""Restricts the files that a process may open, by Linux' Landlock. Uses the standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable

from journeyman.tools.sandbox.kernel import syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION = 1
_BENEATH = 1
_READ = 0b1101  # execute, read_file, read_dir
_OF_FILES = 0b111 | 1 << 14  # execute, write_file, read_file, truncate
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1}  # by ABI version; from 3 on with truncate


def version() -> int:
    """Return the kernel's Landlock ABI version; 0 if it has none, or it is switched off."""
    try:
        return syscall(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Allow this process, from now on, to open only what lies under these paths. Missing paths are ignored.

    `no_new_privs` must be set. Raises OSError if the kernel has no Landlock.
    """
    handled = _HANDLED.get(version(), (1 << 15) - 1)
    attributes = ctypes.create_string_buffer(struct.pack("Q", handled), 8)
    rules = syscall(_CREATE, attributes, 8, 0)
    try:
        for path in readable:
            _allow(rules, path, _READ)
        for path in writable:
            _allow(rules, path, handled)
        syscall(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError, NotADirectoryError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = access if os.path.isdir(path) else access & _OF_FILES  # noqa: PTH112 - a str
            rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, fd), 12)
            syscall(_ADD, rules, _BENEATH, rule, 0)
        finally:
            os.close(fd)
