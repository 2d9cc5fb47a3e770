"""Linux calls that Python's library does not offer, by ctypes: namespaces, capabilities, prctl."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_DEATH_SIGNAL, _DUMPABLE, _DROP_BOUND, _SECURE_BITS, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 4, 24, 28, 36, 38
_NO_SETUID_FIXUP = 1 << 2
_PRIVATE, _RECURSIVE, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1 << 18, 1 << 14, 2, 4, 8
_FILE_CAPABILITIES = 0b11011  # chown, dac_override, fowner, fsetid: what a root's tool needs to use its own files
_UNUSED_USERS = 1_900_000_000  # above every range that distributions give out

linux = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def checked_call(result: int) -> int:
    """Raises OSError with the C library's errno if a call failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, argument: int | ctypes.Array[ctypes.c_char] | ctypes.Structure = 0, third: object = 0) -> None:
    long = ctypes.c_ulong
    second = long(argument) if isinstance(argument, int) else argument
    last = long(third) if isinstance(third, int) else third
    checked_call(_libc.prctl(option, second, last, long(0), long(0)))


def syscall(number: int, *arguments: object) -> int:
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return checked_call(_libc.syscall(ctypes.c_long(number), *given))


def die_with(parent: int) -> None:
    """Have the kernel (Linux) kill this process when the thread that started it ends."""
    if linux:
        prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we asked
        os._exit(1)


def adopt_orphans() -> None:
    """Descendants whose parents end become children of this process: none is lost from sight."""
    prctl(_SUBREAPER, 1)


def enter_namespaces(network: bool) -> bool:
    """New namespaces of processes (for the children to come), mounts and IPC; `network=False`: one without a network.

    Returns whether a user namespace was needed. Raises OSError where the kernel forbids it.
    """
    flags = NEW_PIDS | NEW_MOUNTS | NEW_IPC | (0 if network else NEW_NETWORK)
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # root in a container without the right to
            _unshare(flags)
            return False
    user, group = os.geteuid(), os.getegid()
    _unshare(flags | NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def own_proc() -> None:
    """A /proc that shows the processes of this namespace and no other. Raises OSError, where a container masks it."""
    nothing, kind = ctypes.c_char_p(b"none"), ctypes.c_char_p(b"proc")
    checked_call(_libc.mount(nothing, b"/", None, ctypes.c_ulong(_PRIVATE | _RECURSIVE), None))
    checked_call(_libc.mount(kind, b"/proc", kind, ctypes.c_ulong(_NO_SUID | _NO_DEVICES | _NO_EXEC), None))


def count_as_another_user() -> None:
    """Let the limit of processes hold for root too: it is counted by the real user, here one that nobody else has.

    The effective user and with it the rights to files stay.
    """
    prctl(_SECURE_BITS, _NO_SETUID_FIXUP)
    os.setresuid(_UNUSED_USERS + _outer_pid(), 0, 0)


def _outer_pid() -> int:
    return int(Path("/proc/self").readlink().name)


def give_up_privileges(kept: int = 0) -> None:
    """No capability but those of `kept` (a mask) now or later, by whatever is executed."""
    for capability in range(64):
        try:
            prctl(_DROP_BOUND, capability)
        except OSError:
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)
    checked_call(_libc.capset(header, sets))
    prctl(_DUMPABLE, 1)  # a change of privileges hides /proc/self from oneself


def give_up_roots_privileges() -> None:
    give_up_privileges(_FILE_CAPABILITIES)


def no_new_privileges() -> None:
    prctl(_NO_NEW_PRIVILEGES, 1)


def _unshare(flags: int) -> None:
    checked_call(_libc.unshare(flags))
