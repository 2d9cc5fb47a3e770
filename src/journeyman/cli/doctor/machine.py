"""What `journeyman doctor` looks at of Python and the machine."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from journeyman.cli.doctor.finding import Finding

LEAST_PYTHON = (3, 11)
LEAST_FILES = 4096 + 512  # connections that the server lets in, and what it needs itself
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python(found: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, found))
    return Finding("python", "fine" if found >= LEAST_PYTHON else "broken", f"{text} (3.11 or newer is needed)")


def parts(package: str = "journeyman") -> Finding:
    """Versions of the libraries that it is made of; optional ones where they are installed."""
    try:
        wanted = requires(package) or []
    except PackageNotFoundError:
        return Finding(
            "parts", "warning", f"{package} was not installed by a package manager: nobody wrote down its parts"
        )
    needed = {_name(each) for each in wanted if ";" not in each}
    extra = {_name(each) for each in wanted if re.search(r"extra == ['\"](?:redis|otel)['\"]", each)}
    found = {name: _version(name) for name in sorted(needed | extra)}
    missing = sorted(name for name in needed if found[name] is None)
    said = ", ".join(f"{name} {each}" for name, each in found.items() if each)
    if missing:
        return Finding("parts", "broken", f"not installed: {', '.join(missing)}; pip install {package} anew")
    return Finding("parts", "fine", said)


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0].lower() if found else requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def sqlite() -> Finding:
    import apsw  # a driver: its absence is a finding

    from journeyman.journal.sqlite.connection import refuse_unsafe_sqlite

    found = apsw.sqlite_lib_version()
    refuse_unsafe_sqlite(found)
    return Finding("sqlite", "fine", found)


def clock(files: tuple[Path, ...]) -> Finding:
    """Against the last write of the journal: a clock that went back makes keys, tokens and deadlines wrong."""
    last = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    behind = last - time.time()
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if behind > 1:
        return Finding("clock", "warning", f"{said}, {behind:.0f} s before the journal was last written: set the clock")
    return Finding("clock", "fine", said)


def open_files(limit: int | None = None) -> Finding:
    try:
        import resource
    except ImportError:
        return Finding("open files", "fine", "there is no such limit on Windows")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    if soft == resource.RLIM_INFINITY or soft >= LEAST_FILES:
        return Finding("open files", "fine", "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}")
    advice = f"under {LEAST_FILES} connections fail before the server turns them away: ulimit -n 8192, or LimitNOFILE="
    return Finding("open files", "warning", f"at most {soft}; {advice}")


def sandbox() -> Finding:
    """What confines worker processes here, for the user that asks."""
    from journeyman.tools.sandbox.detection import described, detect

    kernel = asyncio.run(detect())
    level = str(described(kernel)["level"])
    if level == "full":
        return Finding("sandbox", "fine", "full: namespaces, system calls, paths")
    missing = ", ".join(name.replace("_", " ") for name in kernel.missing)
    return Finding("sandbox", "warning", f"{level}: no {missing}; agents with `sandbox: strict` refuse to start")
