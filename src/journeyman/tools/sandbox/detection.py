"""The means of isolation of this machine: how they are detected, chosen by a tool's `sandbox`, and shown to users."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from journeyman.errors import Problem
from journeyman.events.messages import JSON
from journeyman.tools.permissions import Permissions
from journeyman.tools.sandbox.allowed_paths import holders_of, readable_paths
from journeyman.tools.sandbox.confinement import Confinement, declared_paths
from journeyman.tools.spec import ToolSpec
from journeyman.user_code.importing import search_path

_log = logging.getLogger(__name__)

_PROBE_SECONDS = 10.0
_REAP_SECONDS = 2.0
_PROBE = (
    "import sys,os,importlib;sys.path[:]=sys.argv[1].split(os.pathsep);"
    "importlib.import_module('journeyman.tools.sandbox.probe_main').main()"
)
_REMEDIES = {
    "namespaces": "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_"
    "userns=0; in a container --security-opt seccomp=unconfined or a profile with unshare), or run as root",
    "system_calls": "use Linux on x86_64 or aarch64 with seccomp (CONFIG_SECCOMP_FILTER)",
    "paths": "use Linux 5.13 or newer with landlock among the modules of security (kernel argument lsm=landlock,…)",
}


_TITLES = {
    "namespaces": "namespaces",
    "system_calls": "filter of system calls (seccomp)",
    "paths": "limits of paths (Landlock)",
}


class AvailableIsolation(msgspec.Struct, frozen=True, kw_only=True):
    """The means of isolation that this machine has for the user that the server runs as."""

    namespaces: bool = False  # of processes, mounts, IPC and the network
    system_calls: bool = False  # a seccomp filter
    paths: bool = False  # Landlock

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the means that the machine does not have."""
        return tuple(name for name in _REMEDIES if not getattr(self, name))


async def detect() -> AvailableIsolation:
    """Try each means in a child process and return those that work; none if the child process fails."""
    command = (sys.executable, "-I", "-X", "utf8", "-c", _PROBE, search_path())
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet
        )
    except OSError as exc:
        _log.warning("The means of isolation cannot be detected: %s", exc)
        return AvailableIsolation()
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            output, _ = await process.communicate()
        return msgspec.json.decode(output, type=AvailableIsolation)
    except (TimeoutError, msgspec.MsgspecError) as exc:
        _log.warning("The means of isolation cannot be detected: %s", exc)
        return AvailableIsolation()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the child and read its pipes to their end, so that nothing is left of it if the detection was cancelled."""
    if process.returncode is None:
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAP_SECONDS):
            await process.communicate()


def confinement(spec: ToolSpec, root: str, available: AvailableIsolation, modules: tuple[str, ...] = ()) -> Confinement:
    """Return how a worker for this tool is confined on this machine.

    `root` is the tools folder, and `modules` are the files beside it that its files import.
    """
    policy = spec.policy
    sandboxed = policy.sandbox != "off"
    limits_paths = sandboxed and available.paths and policy.permissions.files is not None
    return Confinement(
        limits=policy.limits,
        environment=policy.permissions.env,
        network=not sandboxed or policy.permissions.network != (),
        files=policy.permissions.files if sandboxed else None,
        root=root,
        readable=readable_paths(root, modules) if limits_paths else (),
        namespaces=sandboxed and available.namespaces,
        system_calls=sandboxed and available.system_calls,
        paths=limits_paths,
    )


def shortcomings(spec: ToolSpec, available: AvailableIsolation) -> Iterator[Problem]:
    """Yield a problem for each means that a tool with `sandbox: strict` needs and this machine does not have."""
    if spec.policy.sandbox == "strict":
        for name in available.missing:
            text = f"tool {spec.name!r} asks for sandbox: strict, and this machine gives no {_TITLES[name]}"
            yield Problem(text, remedy=f"{_REMEDIES[name]}; or say sandbox: best")


def exposed(spec: ToolSpec, root: str, modules: tuple[str, ...], secrets: Iterable[Path]) -> Iterator[Problem]:
    """Yield a problem for each of the `secrets`, files of the server, that a tool with declared `files` may open.

    A tool that declares none is not limited to any paths.
    """
    files = spec.policy.permissions.files
    if files is None or spec.policy.sandbox == "off":
        return
    allowed = (*readable_paths(root, modules), *declared_paths(root, files))
    for secret in secrets:
        for path in holders_of(secret, allowed)[:1]:
            text = f"tool {spec.name!r} declares its files, and may open {str(secret)!r}, which lies in {path!r}"
            remedy = "move one of them, or name folders in permissions.files that hold no file of the server"
            yield Problem(text, remedy=remedy)


def describe_isolation(available: AvailableIsolation) -> dict[str, JSON]:
    """Return the means of isolation as JSON for people and probes; `level` is full, partial or none."""
    missing = available.missing
    level = "none" if len(missing) == len(_REMEDIES) else "partial" if missing else "full"
    return {"level": level, **msgspec.structs.asdict(available)}


def describe_tool_isolation(spec: ToolSpec, available: AvailableIsolation) -> dict[str, Any]:
    """Return how one tool is isolated, as JSON.

    `applied` names the means that its worker uses; `network` and `files` say what enforces its permissions.
    """
    policy = spec.policy
    if policy.isolation == "inline":
        return {"sandbox": policy.sandbox, "level": "inline"}
    confined = confinement(spec, "", available)
    level = "none" if policy.sandbox == "off" else describe_isolation(available)["level"]
    return {
        "sandbox": policy.sandbox,
        "level": level,
        "network": _network(policy.permissions, confined),
        "applied": [name for name in _REMEDIES if getattr(confined, name)],
        "files": "unrestricted" if policy.permissions.files is None else "kernel" if confined.paths else "not enforced",
        "limits": msgspec.to_builtins(policy.limits) | msgspec.structs.asdict(policy.limits),
    }


def _network(permissions: Permissions, confined: Confinement) -> str:
    if permissions.network is None:
        return "unrestricted"
    if permissions.network:
        return "not enforced"  # permissions name hosts, and the kernel filters addresses
    return "kernel" if confined.namespaces or confined.system_calls else "not enforced"
