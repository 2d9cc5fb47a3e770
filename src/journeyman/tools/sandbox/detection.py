"""What confines worker processes here: detected once, asked for by `sandbox: off|best|strict`, shown as reached."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from journeyman.errors import Problem
from journeyman.events.messages import JSON
from journeyman.tools.permissions import Permissions
from journeyman.tools.sandbox.confinement import Confinement
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


class AvailableIsolation(msgspec.Struct, frozen=True, kw_only=True):
    """The means that this machine has for the user that the server runs as."""

    namespaces: bool = False  # of processes, mounts, IPC, network
    system_calls: bool = False  # a seccomp filter
    paths: bool = False  # Landlock

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in _REMEDIES if not getattr(self, name))


async def detect() -> AvailableIsolation:
    """Ask a child process to try each means. Whatever goes wrong means: there is none."""
    command = (sys.executable, "-I", "-X", "utf8", "-c", _PROBE, search_path())
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet
        )
    except OSError as exc:
        _log.warning("the sandbox cannot be looked at: %s", exc)
        return AvailableIsolation()
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            output, _ = await process.communicate()
        return msgspec.json.decode(output, type=AvailableIsolation)
    except (TimeoutError, msgspec.MsgspecError) as exc:
        _log.warning("the sandbox cannot be looked at: %s", exc)
        return AvailableIsolation()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of the child, also when whoever looked was cancelled: its pipes close with its last word."""
    if process.returncode is None:
        process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAP_SECONDS):
            await process.communicate()


def confinement(spec: ToolSpec, root: str, kernel: AvailableIsolation) -> Confinement:
    """How this tool's worker is confined on this machine."""
    policy = spec.policy
    wanted = policy.sandbox != "off"
    return Confinement(
        limits=policy.limits,
        environment=policy.permissions.env,
        network=not wanted or policy.permissions.network != (),
        files=policy.permissions.files if wanted else None,
        root=root,
        namespaces=wanted and kernel.namespaces,
        system_calls=wanted and kernel.system_calls,
        paths=wanted and kernel.paths and policy.permissions.files is not None,
    )


def shortcomings(spec: ToolSpec, kernel: AvailableIsolation) -> Iterator[Problem]:
    """What `sandbox: strict` asks for and this machine has not."""
    if spec.policy.sandbox == "strict":
        for name in kernel.missing:
            text = f"tool {spec.name!r} asks for sandbox: strict, and this machine gives no {_TITLES[name]}"
            yield Problem(text, remedy=f"{_REMEDIES[name]}; or say sandbox: best")


_TITLES = {
    "namespaces": "namespaces",
    "system_calls": "filter of system calls (seccomp)",
    "paths": "limits of paths (Landlock)",
}


def describe_isolation(kernel: AvailableIsolation) -> dict[str, JSON]:
    """For people and probes: `level` is full, partial or none."""
    missing = kernel.missing
    level = "none" if len(missing) == len(_REMEDIES) else "partial" if missing else "full"
    return {"level": level, **msgspec.structs.asdict(kernel)}


def describe_tool_isolation(spec: ToolSpec, kernel: AvailableIsolation) -> dict[str, Any]:
    """What holds for one tool: `network` and `files` say who keeps it from them."""
    policy = spec.policy
    if policy.isolation == "inline":
        return {"sandbox": policy.sandbox, "level": "inline"}
    reached = confinement(spec, "", kernel)
    level = "none" if policy.sandbox == "off" else describe_isolation(kernel)["level"]
    return {
        "sandbox": policy.sandbox,
        "level": level,
        "network": _network(policy.permissions, reached),
        "files": "unrestricted" if policy.permissions.files is None else "kernel" if reached.paths else "not enforced",
        "limits": msgspec.to_builtins(policy.limits) | msgspec.structs.asdict(policy.limits),
    }


def _network(permissions: Permissions, reached: Confinement) -> str:
    if permissions.network is None:
        return "unrestricted"
    if permissions.network:
        return "not enforced"  # the kernel knows addresses, not names
    return "kernel" if reached.namespaces or reached.system_calls else "not enforced"
