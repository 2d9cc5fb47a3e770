"""Runs a command in private namespaces of processes and mounts, where given files are covered. Few imports."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from journeyman.tools.sandbox import kernel

CANNOT_COVER = 126  # the exit status if the command was not started, because it could not be kept from the files


def main(parent: int, count: int, *given: str) -> NoReturn:
    """Cover the first `count` given paths and become the command that the others are, without capabilities.

    The command runs in the third of three processes: the first ends when the process `parent` does, the second is the
    first of the namespace. Both wait for the command. If it cannot be run, a sentence is on stderr.
    """
    kernel.die_with(parent)
    command = given[count:]
    try:
        _enter(parent, given[:count])
    except OSError as exc:
        _fail(f"cannot keep {command[0]} from the server's files: {exc.strerror}", CANNOT_COVER)
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        _fail(f"cannot run {command[0]}: {exc.strerror}", 127)


def _enter(parent: int, covered: Sequence[str]) -> None:
    in_user_namespace = kernel.enter_namespaces(kernel.NEW_PIDS | kernel.NEW_MOUNTS)
    kernel.die_with(parent)  # again, since entering a namespace resets it
    if pid := os.fork():
        kernel.exit_like(pid)
    kernel.die_with(0)  # the id of a parent outside the namespace
    kernel.make_mounts_private()
    for path in covered:
        with contextlib.suppress(FileNotFoundError):
            kernel.cover(path)
    with contextlib.suppress(OSError) if in_user_namespace else contextlib.nullcontext():
        kernel.mount_proc()
    if in_user_namespace:
        kernel.drop_privileges()
    else:
        kernel.drop_root_privileges(of_programs=True)
    if pid := os.fork():
        kernel.exit_like(pid)


def _fail(sentence: str, status: int) -> NoReturn:
    os.write(sys.stderr.fileno(), sentence.encode(errors="replace"))
    os._exit(status)
