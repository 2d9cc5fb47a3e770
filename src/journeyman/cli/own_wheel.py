"""Makes a wheel of the installed Journeyman, for projects of an installation that came from no package index."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import Distribution
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

_MADE_BY_INSTALLERS = frozenset(
    ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
)
_OLDEST = (1980, 1, 1, 0, 0, 0)  # of a file in a zip archive; a fixed time makes the same wheel of the same files


def is_from_index(distribution: Distribution) -> bool:
    """Return whether a package index has this release; the installer records any other origin."""
    return distribution.read_text("direct_url.json") is None


def wheel_name(distribution: Distribution) -> str:
    """Return the file name of the wheel of a distribution in pure Python."""
    return f"{distribution.metadata['Name']}-{distribution.version}-py3-none-any.whl"


def build_wheel(distribution: Distribution, package: Traversable) -> bytes:
    """Return a wheel with the files of the package and the metadata that were installed."""
    information = f"{distribution.metadata['Name']}-{distribution.version}.dist-info"
    contents = {**_files(package, PurePosixPath(package.name)), **_metadata(distribution, information)}
    record = "".join(f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in contents.items())
    contents[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            archive.writestr(zipfile.ZipInfo(path, _OLDEST), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _files(folder: Traversable, path: PurePosixPath) -> dict[str, bytes]:
    """Return the files of a folder by their paths in the wheel, without compiled ones."""
    found: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found |= _files(entry, path / entry.name) if entry.name != "__pycache__" else {}
        else:
            found[str(path / entry.name)] = entry.read_bytes()
    return found


def _metadata(distribution: Distribution, information: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in distribution.files or ():
        if path.parts[0].endswith(".dist-info") and path.name not in _MADE_BY_INSTALLERS:
            found["/".join((information, *path.parts[1:]))] = path.read_binary()
    return found


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
