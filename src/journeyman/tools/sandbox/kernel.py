"""Linux system calls that Python's library does not offer, by ctypes: namespaces, capabilities, prctl."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_DEATH_SIGNAL, _DUMPABLE, _DROP_BOUND, _SECURE_BITS, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 4, 24, 28, 36, 38
_NO_SETUID_FIXUP = 1 << 2
_PRIVATE, _RECURSIVE, _BIND, _READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1 << 18, 1 << 14, 1 << 12, 1, 2, 4, 8
_FILE_CAPABILITIES = 0b11011  # chown, dac_override, fowner, fsetid: a tool that runs as root needs them for its files
_UNUSED_USERS = 1_900_000_000  # above every range that distributions give out

linux = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def checked_call(result: int) -> int:
    """Return the result of a C function. Raises OSError with its errno if it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, argument: int | ctypes.Array[ctypes.c_char] | ctypes.Structure = 0, third: object = 0) -> None:
    """Call prctl(2). Raises OSError."""
    long = ctypes.c_ulong
    second = long(argument) if isinstance(argument, int) else argument
    last = long(third) if isinstance(third, int) else third
    checked_call(_libc.prctl(option, second, last, long(0), long(0)))


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by its number. Raises OSError."""
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return checked_call(_libc.syscall(ctypes.c_long(number), *given))


def die_with(parent: int) -> None:
    """Have the kernel (Linux) kill this process when the thread that started it ends. Exits if the parent is gone."""
    if linux:
        prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call above
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that all of them can still be found and killed."""
    prctl(_SUBREAPER, 1)


def enter_namespaces(flags: int) -> bool:
    """Enter the new namespaces of these flags. That of processes is the one of later children.

    Returns whether a user namespace was needed. Raises OSError if the kernel does not allow it.
    """
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # in a container, root may lack the right
            _unshare(flags)
            return False
    user, group = os.geteuid(), os.getegid()
    _unshare(flags | NEW_USER)
    Path("/proc/self/setgroups").write_text("deny", "utf-8")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "utf-8")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "utf-8")
    return True


def make_mounts_private() -> None:
    """Have no mount of this namespace seen in another. Raises OSError."""
    _mount(b"none", b"/", None, _PRIVATE | _RECURSIVE)


def mount_proc() -> None:
    """Mount a /proc that shows only the processes of this namespace. Raises OSError, as in containers that mask it."""
    _mount(b"proc", b"/proc", b"proc", _NO_SUID | _NO_DEVICES | _NO_EXEC)


def cover(path: str) -> None:
    """Have this namespace see an empty folder or file at the path. Raises OSError.

    What is covered stays so for processes without capabilities, also in namespaces that they make.
    """
    if os.path.isdir(path):  # noqa: PTH112 - a str
        _mount(
            b"none", os.fsencode(path), b"tmpfs", _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_EXEC, b"size=4k,mode=555"
        )
    else:
        _mount(os.devnull.encode(), os.fsencode(path), None, _BIND)


def mount_shared_memory(size: int) -> None:
    """Mount an empty /dev/shm of this namespace, for at most `size` bytes. Raises OSError."""
    none, kind, path = ctypes.c_char_p(b"none"), ctypes.c_char_p(b"tmpfs"), ctypes.c_char_p(b"/dev/shm")
    options = ctypes.c_char_p(f"mode=1777,size={size}".encode())
    checked_call(_libc.mount(none, path, kind, ctypes.c_ulong(_NO_SUID | _NO_DEVICES), options))


def count_as_another_user() -> None:
    """Take an unused real user id, so that the limit of processes, which is counted by it, holds for root too.

    The effective user stays, and with it the rights to files.
    """
    prctl(_SECURE_BITS, _NO_SETUID_FIXUP)
    os.setresuid(_UNUSED_USERS + _outer_pid(), 0, 0)


def _outer_pid() -> int:
    """Return this process's id outside the namespace: the mounted /proc is still the outer one."""
    return int(Path("/proc/self").readlink().name)


def drop_privileges(kept: int = 0, of_programs: int = 0) -> None:
    """Drop all capabilities but those of the mask `kept`. Programs that root executes later get `of_programs`."""
    for capability in range(64):
        try:
            if not of_programs >> capability & 1:
                prctl(_DROP_BOUND, capability)
        except OSError:
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)
    checked_call(_libc.capset(header, sets))
    prctl(_DUMPABLE, 1)  # a change of privileges makes /proc/self unreadable for the process


def drop_root_privileges(*, of_programs: bool = False) -> None:
    """Drop root's capabilities but those that it needs to use its own files.

    `of_programs`: the programs that this process executes keep these too.
    """
    drop_privileges(_FILE_CAPABILITIES, _FILE_CAPABILITIES if of_programs else 0)


def close_memory() -> None:
    """Keep other processes of this user from reading this process: its memory, environment and core dumps.

    A program that is executed later is readable again. Does nothing on systems other than Linux.
    """
    if linux:
        prctl(_DUMPABLE, 0)


def no_new_privileges() -> None:
    """Set no_new_privs: no program that is executed later gains privileges."""
    prctl(_NO_NEW_PRIVILEGES, 1)


def exit_like(child: int) -> NoReturn:
    """Close all files, reap every process that ends, and exit with the child's status or signal."""
    os.closerange(0, 1024)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    ended_by = -code if code < 0 else code - 128
    if os.getpid() != 1 and 0 < ended_by < signal.NSIG:
        with contextlib.suppress(OSError):
            signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    os._exit(code if code >= 0 else 128 - code)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    checked_call(_libc.mount(source, target, kind, ctypes.c_ulong(flags), options))


def _unshare(flags: int) -> None:
    checked_call(_libc.unshare(flags))
