"""What a worker process is confined to, and how it confines itself before it loads any user code."""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile

import msgspec

from journeyman.tools.permissions import ProcessLimits
from journeyman.tools.sandbox import kernel, landlock, seccomp

MEBIBYTE = 1024 * 1024
FIRST_OF_NAMESPACE = 2  # the process id of a confined worker in its PID namespace; process 1 waits for it
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full", "/dev/shm")


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker process is confined. Calls with equal confinements may share a process.

    `namespaces`, `system_calls` and `paths` are the means: those that the machine has and the tool's `sandbox` allows.
    """

    limits: ProcessLimits = ProcessLimits()
    environment: tuple[str, ...] = ()  # variables of the server that it sees in addition to the harmless ones
    network: bool = True
    files: tuple[str, ...] | None = None  # paths beside its code and the interpreter; None: all that the user may open
    root: str = ""  # the tools folder
    readable: tuple[str, ...] = ()  # paths that may be read, if `files` limits them
    namespaces: bool = False
    system_calls: bool = False
    paths: bool = False


def confine(wanted: Confinement) -> None:
    """Confine this process, which cannot be undone. Raises OSError if one of the means fails.

    With namespaces, the process forks twice, and this function returns in the last of the three processes only. The
    caller and the first process of the namespace wait for it, and exit with its status.
    """
    in_user_namespace = _enter_namespaces(wanted) if wanted.namespaces else True
    _limit(wanted.limits, count_processes=wanted.namespaces)
    if not kernel.linux:
        return
    if wanted.namespaces:
        kernel.die_with(1)
    else:
        kernel.adopt_orphans()
    if not in_user_namespace or (os.geteuid() == 0 and not wanted.namespaces and (wanted.system_calls or wanted.paths)):
        kernel.drop_root_privileges()  # root could read the server's memory
    elif wanted.namespaces:
        kernel.drop_privileges()
    if wanted.system_calls or wanted.paths:
        kernel.no_new_privileges()
    if wanted.paths and wanted.files is not None:
        landlock.restrict(
            wanted.readable, (*_DEVICES, tempfile.gettempdir(), *declared_paths(wanted.root, wanted.files))
        )
    if wanted.system_calls:
        seccomp.install(wanted.network)


def _enter_namespaces(wanted: Confinement) -> bool:
    """Enter the namespaces and fork twice. Returns whether a user namespace was needed."""
    server = os.getppid()
    network = 0 if wanted.network else kernel.NEW_NETWORK
    in_user_namespace = kernel.enter_namespaces(kernel.NEW_PIDS | kernel.NEW_MOUNTS | kernel.NEW_IPC | network)
    kernel.die_with(server)  # again, since entering a namespace resets it
    if pid := os.fork():
        kernel.exit_like(pid)
    kernel.die_with(0)  # the id of a parent outside the namespace
    if not in_user_namespace:
        kernel.count_as_another_user()
    with contextlib.suppress(OSError) if in_user_namespace else contextlib.nullcontext():
        kernel.make_mounts_private()
        kernel.mount_proc()
    with contextlib.suppress(OSError):  # in containers that forbid mounts
        kernel.mount_shared_memory(wanted.limits.memory_mb * MEBIBYTE)
    if pid := os.fork():
        kernel.exit_like(pid)
    return in_user_namespace


def _limit(limits: ProcessLimits, *, count_processes: bool) -> None:
    """Limit the resources of this process and of all that it starts.

    The number of processes is limited only in a namespace: elsewhere the kernel counts all processes of the user.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.memory_mb * MEBIBYTE,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_mb * MEBIBYTE,
    }
    if count_processes:
        wanted[resource.RLIMIT_NPROC] = limits.processes
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit of the address space
            resource.setrlimit(which, (allowed, allowed))


def allow_cpu(used: float, limits: ProcessLimits) -> None:
    """Set the CPU limit for the next call; `used`: seconds of CPU spent so far. Beyond it the kernel sends SIGXCPU."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + limits.cpu_seconds, hard))


def declared_paths(root: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths of `permissions.files`; relative ones count from the folder that holds the tools folder."""
    base = os.path.dirname(root) if root else os.getcwd()  # noqa: PTH109, PTH120 - a str
    return tuple(os.path.join(base, path) for path in files)  # noqa: PTH118
