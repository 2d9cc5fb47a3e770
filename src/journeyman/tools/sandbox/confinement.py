"""What a worker process is confined to, and how it confines itself before it sees any code of a user."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import tempfile
from typing import NoReturn

import msgspec

from journeyman.tools.permissions import ProcessLimits
from journeyman.tools.sandbox import kernel, landlock, seccomp

MEBIBYTE = 1024 * 1024
FIRST_OF_NAMESPACE = 2  # the id of a confined worker in its namespace; 1 waits for it
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full", "/dev/shm")
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/proc", "/sys/devices/system/cpu")


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run tools: calls that share it may share a process."""

    limits: ProcessLimits = ProcessLimits()
    environment: tuple[str, ...] = ()  # names of the server's variables that it sees beside the harmless ones
    network: bool = True
    files: tuple[str, ...] | None = None  # beside its code and the interpreter; None: whatever the user may
    root: str = ""  # the tools folder
    namespaces: bool = False  # means: which of them the kernel has, and the agent's `sandbox` wants
    system_calls: bool = False
    paths: bool = False


def confine(wanted: Confinement) -> None:
    """Apply it all to this process, from which there is no way back. Raises OSError: a means failed.

    With namespaces three processes come of one: the caller and the first process of the namespace wait and end as
    the third does, in which this function returns.
    """
    needs_user_namespace = _enter(wanted) if wanted.namespaces else True
    _limit(wanted.limits, counted=wanted.namespaces)
    if not kernel.linux:
        return
    if wanted.namespaces:
        kernel.die_with(1)
    else:
        kernel.adopt_orphans()
    if not needs_user_namespace:
        kernel.give_up_roots_privileges()
    elif wanted.namespaces:
        kernel.give_up_privileges()
    if wanted.system_calls or wanted.paths:
        kernel.no_new_privileges()
    if wanted.paths and wanted.files is not None:
        landlock.restrict(*_paths(wanted))
    if wanted.system_calls:
        seccomp.install(wanted.network)


def _enter(wanted: Confinement) -> bool:
    server = os.getppid()
    needed = kernel.enter_namespaces(wanted.network)
    kernel.die_with(server)  # entering took that from us
    if pid := os.fork():
        _end_like(pid)
    kernel.die_with(0)  # the parent is out of sight
    if not needed:
        kernel.count_as_another_user()
    with contextlib.suppress(OSError) if needed else contextlib.nullcontext():
        kernel.own_proc()
    if pid := os.fork():
        _end_like(pid)
    return needed


def _end_like(child: int) -> NoReturn:
    """Hold nothing, reap whatever comes, and end as the child ends."""
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


def _limit(limits: ProcessLimits, *, counted: bool) -> None:
    """Limits that hold for the process and all it starts. The number of processes only where it counts ours alone."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.memory_mb * MEBIBYTE,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_mb * MEBIBYTE,
    }
    if counted:
        wanted[resource.RLIMIT_NPROC] = limits.processes
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of the address space
            resource.setrlimit(which, (allowed, allowed))


def allow_cpu(used: float, limits: ProcessLimits) -> None:
    """Give the next call its CPU time; `used` seconds are spent already. Over it the kernel sends SIGXCPU."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + limits.cpu_seconds, hard))


def _paths(wanted: Confinement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may be read, what may be written too. Relative paths count from the folder that holds the tools folder."""
    beside = os.path.dirname(wanted.root) if wanted.root else os.getcwd()  # noqa: PTH109, PTH120 - texts
    given = tuple(os.path.join(beside, path) for path in wanted.files or ())  # noqa: PTH118
    code = (wanted.root, sys.prefix, sys.base_prefix, *sys.path)
    return (
        tuple(path for path in (*_SYSTEM, *code) if path),
        (*_DEVICES, tempfile.gettempdir(), *given),
    )
