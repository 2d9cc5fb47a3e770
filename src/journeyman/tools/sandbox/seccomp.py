"""A seccomp filter: system calls that no tool needs fail with EPERM. Uses the standard library only.

Denied: access to other processes' memory, mounts, namespaces, kernel modules and keys, io_uring (which bypasses
filters), setting clocks and changing the user. Without a network, also every new socket.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from typing import NamedTuple

from journeyman.tools.sandbox.kernel import NEW_IPC, NEW_MOUNTS, NEW_NETWORK, NEW_PIDS, NEW_USER, prctl

_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_OTHER_ABI = 0x40000000  # x32 on x86_64
_NEW_NAMESPACES = NEW_IPC | NEW_MOUNTS | NEW_NETWORK | NEW_PIDS | NEW_USER | 0x2000000 | 0x4000000  # cgroup, uts


class _Calls(NamedTuple):
    """The numbers of system calls on one architecture."""

    audit: int
    denied: tuple[int, ...]
    socket: int
    clone: int


_NEWER = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442)  # io_uring, new mount calls, pidfd_getfd; everywhere
_CLONE3 = 435
# fmt: off
_ARCHITECTURES = {
    "x86_64": _Calls(0xC000003E, (
        101, 310, 311, 165, 166, 155, 161, 308, 272, 321, 298, 250, 248, 249, 246, 320, 175, 313, 176, 323, 304, 169,
        167, 168, 163, 164, 227, 159, 105, 106, 113, 114, 117, 119, 116, 179, 103, 172, 173, *_NEWER), 41, 56),
    "aarch64": _Calls(0xC00000B7, (
        117, 270, 271, 40, 39, 41, 51, 268, 97, 280, 241, 219, 217, 218, 104, 294, 105, 273, 106, 282, 265, 142,
        224, 225, 89, 170, 112, 171, 146, 144, 145, 143, 147, 149, 159, 60, 116, *_NEWER), 198, 220),
}
# fmt: on


class _Program(ctypes.Structure):
    """The struct sock_fprog of the C library."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(network: bool) -> None:
    """Filter the system calls of this process and its children from now on. `no_new_privs` must be set.

    Raises:
        OSError: the kernel has no seccomp, or the architecture's call numbers are not known here.
    """
    calls = _ARCHITECTURES.get(platform.machine())
    if calls is None:
        raise OSError(f"no filter of system calls for {platform.machine()}")
    code = _program(calls, network)
    buffer = ctypes.create_string_buffer(code, len(code))
    prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(code) // 8, ctypes.addressof(buffer))))


def _program(calls: _Calls, network: bool) -> bytes:
    """Return the filter as a BPF program: it checks the architecture, then compares the number with each denied one."""
    denied = calls.denied if network else (*calls.denied, calls.socket)
    deny = _step(_RETURN, _EPERM)
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, calls.audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _OTHER_ABI, 0, 1),
        deny,
        _step(_EQUAL, _CLONE3, 0, 1),
        _step(_RETURN, _ENOSYS),  # its flags are in memory, which a filter cannot read; libraries then use clone
    ]
    for number in denied:
        steps += [_step(_EQUAL, number, 0, 1), deny]
    steps += [
        _step(_EQUAL, calls.clone, 0, 3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        deny,
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
