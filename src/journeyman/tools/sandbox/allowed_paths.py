"""The paths that a tool with declared `files` may read beside them: a list that does not depend on `sys.path`.

`sys.path` holds whatever the server was started with, its working folder for example, where the journal and `.env` are.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_BENEATH_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share", "include")  # not src, for example
_SYSTEM = (
    *(f"/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")),
    *(f"/usr/{name}" for name in _BENEATH_USR),
    *(f"/usr/local/{name}" for name in (*_BENEATH_USR, "cuda")),
    "/proc",
    "/sys/devices/system/cpu",
)
_CONFIGURATION = (  # folders only where programs list them; none of them holds keys or passwords
    "passwd",
    "group",
    "hosts",
    "hostname",
    "resolv.conf",
    "nsswitch.conf",
    "host.conf",
    "gai.conf",
    "services",
    "protocols",
    "localtime",
    "timezone",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.conf",
    "locale.alias",
    "mime.types",
    "os-release",
    "lsb-release",
    "debian_version",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "pki/tls/openssl.cnf",
    "pki/ca-trust/extracted",
    "ca-certificates",
    "fonts",
    "magic",
    "papersize",
    "OpenCL",
    "ImageMagick-6",
    "ImageMagick-7",
)
_BENEATH_PREFIX = ("bin", "lib", "lib32", "lib64", "share", "include", "etc", "ssl", "pyvenv.cfg")


def readable_paths(root: str, modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return what may be read: the system, what is installed, the tools folder, and the modules beside it."""
    return tuple(path for path in (*_SYSTEM, *_system_configuration(), *_installed(), root, *modules) if path)


def holders_of(secret: Path, allowed: Iterable[str]) -> list[str]:
    """Return the allowed paths that are this file, or folders above it."""
    real = secret.resolve()
    return [path for path in allowed if real.is_relative_to(Path(path).resolve())]


def importable_in(folder: Path) -> Iterator[str]:
    """Yield what can be imported from a folder of code, and no other file there.

    A folder into which distributions were installed is yielded whole, as the folders of the interpreter are.
    """
    if not folder.is_dir() or any(folder.glob("*.dist-info")):  # not a folder: a zip file
        yield str(folder)
    else:
        yield from (str(child) for child in sorted(folder.iterdir()) if _is_importable(child))


def _is_importable(path: Path) -> bool:
    if path.suffix in (".py", ".so"):
        return path.is_file()
    return path.name.isidentifier() and any(any(path.glob(each)) for each in ("*.py", "*.so", "*/__init__.py"))


def _system_configuration() -> tuple[str, ...]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return tuple(f"/etc/{name}" for name in (*_CONFIGURATION, version))


@cache
def _installed() -> tuple[str, ...]:
    """Return the paths of the interpreter, of installed distributions, and of the code that PYTHONPATH names."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    interpreter = {os.path.join(prefix, name) for prefix in prefixes for name in _BENEATH_PREFIX}  # noqa: PTH118
    folders = _site_folders()
    code = {str(Path(__file__).parents[2]), *_editable(folders)}
    for folder in (*_linked(folders), *os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if folder:
            code.update(importable_in(Path(folder).absolute()))
    return tuple(sorted(interpreter | folders | code))


def _site_folders() -> set[str]:
    """Return the folders of the standard library and those into which distributions are installed."""
    named = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    user = {site.getusersitepackages()} if site.ENABLE_USER_SITE else set()
    return {*named, *site.getsitepackages(), *user}


def _linked(folders: Iterable[str]) -> Iterator[str]:
    """Yield the folders that `.pth` files name, as those of editable distributions do."""
    for folder in map(Path, folders):
        for file in folder.glob("*.pth"):
            for line in _lines(file):
                if line.strip() and not line.startswith(("#", "import ", "import\t")):
                    yield str(folder / line.strip())


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig", errors="ignore").splitlines()
    except OSError:  # nothing can be imported by it either
        return []


def _editable(folders: set[str]) -> Iterator[str]:
    """Yield the top packages of editable distributions, which some tools find by code and not by a `.pth` file."""
    for found in importlib.metadata.distributions(path=sorted(folders)):
        if _is_editable(found.read_text("direct_url.json")):
            for name in (found.read_text("top_level.txt") or "").split():
                yield from _places_of(name)


def _is_editable(origin: str | None) -> bool:
    """Read an installer's record of the origin of a distribution. None: it came from an index."""
    try:
        return bool(json.loads(origin or "{}")["dir_info"]["editable"])
    except (ValueError, KeyError, TypeError):
        return False


def _places_of(name: str) -> Iterator[str]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return
    if spec is not None and spec.submodule_search_locations:
        yield from spec.submodule_search_locations
    elif spec is not None and spec.origin:
        yield spec.origin
