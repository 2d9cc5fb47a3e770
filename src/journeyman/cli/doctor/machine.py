"""Checks of Python, the installed libraries and the machine."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from journeyman.cli.doctor.finding import CheckResult

MIN_PYTHON = (3, 11)
MIN_OPEN_FILES = 4096 + 512  # the connections that the server accepts, and its own files
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def python(version: tuple[int, ...]) -> CheckResult:
    """Check that this version of Python is new enough."""
    text = ".".join(map(str, version))
    return CheckResult("python", "fine" if version >= MIN_PYTHON else "broken", f"{text} (3.11 or newer is needed)")


def libraries(package: str = "journeyman") -> CheckResult:
    """Check that the libraries that the package requires are installed, and list versions, also of optional ones."""
    try:
        requirements = requires(package) or []
    except PackageNotFoundError:
        text = f"the libraries are unknown, because {package} was not installed by a package manager"
        return CheckResult("parts", "warning", text)
    required = {_name(text) for text in requirements if ";" not in text}
    optional = {_name(text) for text in requirements if re.search(r"extra == ['\"](?:redis|otel)['\"]", text)}
    versions = {name: _version(name) for name in sorted(required | optional)}
    missing = sorted(name for name in required if versions[name] is None)
    if missing:
        text = f"not installed: {', '.join(missing)}; run pip install {package} again"
        return CheckResult("parts", "broken", text)
    return CheckResult("parts", "fine", ", ".join(f"{name} {number}" for name, number in versions.items() if number))


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match[0].lower() if match else requirement


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def sqlite() -> CheckResult:
    """Check that this version of SQLite is safe. Raises ConfigurationError if it can corrupt files."""
    import apsw  # here, so that a missing driver becomes the result of this check

    from journeyman.journal.sqlite.connection import refuse_unsafe_sqlite

    number = apsw.sqlite_lib_version()
    refuse_unsafe_sqlite(number)
    return CheckResult("sqlite", "fine", number)


def clock(files: tuple[Path, ...]) -> CheckResult:
    """Check that the clock is not earlier than the last write to `files`: keys, tokens and deadlines depend on it."""
    last_write = max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
    behind = last_write - time.time()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if behind > 1:
        text = f"{now}, {behind:.0f} s before the journal was last written; set the clock"
        return CheckResult("clock", "warning", text)
    return CheckResult("clock", "fine", now)


def open_files(limit: int | None = None) -> CheckResult:
    """Check that the process may open enough files. `limit` replaces the limit of this process, for tests."""
    try:
        import resource
    except ImportError:
        return CheckResult("open files", "fine", "Windows has no such limit")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    if soft == resource.RLIM_INFINITY:
        return CheckResult("open files", "fine", "no limit")
    if soft >= MIN_OPEN_FILES:
        return CheckResult("open files", "fine", f"at most {soft}")
    advice = f"below {MIN_OPEN_FILES}, connections can fail under load; run ulimit -n 8192, or set LimitNOFILE="
    return CheckResult("open files", "warning", f"at most {soft}: {advice}")


def sandbox() -> CheckResult:
    """Check which isolation the kernel gives to worker processes of the current user."""
    from journeyman.tools.sandbox.detection import describe_isolation, detect

    available = asyncio.run(detect())
    level = str(describe_isolation(available)["level"])
    if level == "full":
        return CheckResult("sandbox", "fine", "full: namespaces, system calls, paths")
    missing = ", ".join(name.replace("_", " ") for name in available.missing)
    text = f"{level}: the kernel does not allow {missing}; agents with `sandbox: strict` refuse to start"
    return CheckResult("sandbox", "warning", text)
