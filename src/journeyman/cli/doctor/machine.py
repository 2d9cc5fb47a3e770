"""What `journeyman doctor` looks at of Python and the machine."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from journeyman.cli.doctor.finding import CheckResult

LEAST_PYTHON = (3, 11)
LEAST_FILES = 4096 + 512  # connections that the server lets in, and what it needs itself
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python(found: tuple[int, ...]) -> CheckResult:
    text = ".".join(map(str, found))
    return CheckResult("python", "fine" if found >= LEAST_PYTHON else "broken", f"{text} (3.11 or newer is needed)")


def parts(package: str = "journeyman") -> CheckResult:
    """Versions of the libraries that it is made of; optional ones where they are installed."""
    try:
        wanted = requires(package) or []
    except PackageNotFoundError:
        return CheckResult(
            "parts", "warning", f"{package} was not installed by a package manager: nobody wrote down its parts"
        )
    needed = {_name(each) for each in wanted if ";" not in each}
    extra = {_name(each) for each in wanted if re.search(r"extra == ['\"](?:redis|otel)['\"]", each)}
    found = {name: _version(name) for name in sorted(needed | extra)}
    missing = sorted(name for name in needed if found[name] is None)
    said = ", ".join(f"{name} {each}" for name, each in found.items() if each)
    if missing:
        return CheckResult("parts", "broken", f"not installed: {', '.join(missing)}; pip install {package} anew")
    return CheckResult("parts", "fine", said)


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0].lower() if found else requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def sqlite() -> CheckResult:
    import apsw  # a driver: its absence is a finding

    from journeyman.journal.sqlite.connection import refuse_unsafe_sqlite

    found = apsw.sqlite_lib_version()
    refuse_unsafe_sqlite(found)
    return CheckResult("sqlite", "fine", found)


def clock(files: tuple[Path, ...]) -> CheckResult:
    """Against the last write of the journal: a clock that went back makes keys, tokens and deadlines wrong."""
    last = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    behind = last - time.time()
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if behind > 1:
        return CheckResult(
            "clock", "warning", f"{said}, {behind:.0f} s before the journal was last written: set the clock"
        )
    return CheckResult("clock", "fine", said)


def open_files(limit: int | None = None) -> CheckResult:
    try:
        import resource
    except ImportError:
        return CheckResult("open files", "fine", "there is no such limit on Windows")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    if soft == resource.RLIM_INFINITY or soft >= LEAST_FILES:
        return CheckResult("open files", "fine", "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}")
    advice = f"under {LEAST_FILES} connections fail before the server turns them away: ulimit -n 8192, or LimitNOFILE="
    return CheckResult("open files", "warning", f"at most {soft}; {advice}")


def sandbox() -> CheckResult:
    """What confines worker processes here, for the user that asks."""
    from journeyman.tools.sandbox.detection import describe_isolation, detect

    kernel = asyncio.run(detect())
    level = str(describe_isolation(kernel)["level"])
    if level == "full":
        return CheckResult("sandbox", "fine", "full: namespaces, system calls, paths")
    missing = ", ".join(name.replace("_", " ") for name in kernel.missing)
    return CheckResult("sandbox", "warning", f"{level}: no {missing}; agents with `sandbox: strict` refuse to start")
