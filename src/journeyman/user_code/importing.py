"""Users' Python files: found safely, imported under private names; whatever is wrong with one is a Problem.

A file becomes a module of a package that only this program knows, so that its relative imports work inside its
folder, `sys.path` stays as it was, and two folders may hold files of one name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import itertools
import os
import stat
import sys
import traceback
import types
from collections.abc import Container, Mapping
from pathlib import Path
from typing import NamedTuple

from journeyman.errors import Problem
from journeyman.events.messages import valid_text
from journeyman.user_code.sources import read_sources

MAX_FILES = 500
MAX_BYTES = 1024 * 1024  # of one file
MAX_DEPTH = 8
FOREIGN = "belongs to a user who is neither root nor the one that runs the server"
_MESSAGE_CAP = 500
_numbers = itertools.count(1)
# Packages whose name for pip is not the one that is imported.
_DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}


class FolderListing(NamedTuple):
    """The Python files of a folder in the order of their names, and what was refused."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def trusted_owners() -> frozenset[int] | None:
    """Whose files are this process's own to believe: root's and its user's. None: files have no such owners here."""
    return None if os.name == "nt" else frozenset((0, os.geteuid()))


def walk(
    root: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES, owners: Container[int] | None = None
) -> FolderListing:
    """The `.py` files under `root` (or `root` itself, if it is a file) that may be imported.

    Left out: hidden files, and names that begin with `_` (checked, since others import them). Refused with a problem:
    what is no regular file, links that lead out of the folder, files that others may write, too many or too large ones.
    Told of: files that their group may write, and those of users who are not among the `owners` (None: the trusted).
    """
    try:
        real = root.resolve(strict=True)
    except (OSError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or "a circle of links"
        return FolderListing((), (Problem(f"cannot be read: {reason}", file=str(root), remedy="check the path"),))
    owners = trusted_owners() if owners is None else owners
    walker = _Walker(real if real.is_dir() else real.parent, max_files, max_bytes, owners)
    if real.is_dir():
        walker.enter(root, 0)
    else:
        walker.visit(root)
    return FolderListing(tuple(walker.files), (*walker.problems, *walker.warnings()))


class _Walker:
    def __init__(self, real_root: Path, max_files: int, max_bytes: int, owners: Container[int] | None) -> None:
        self._real_root = real_root
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._owners = owners
        self._group_writable: list[Path] = []
        self._foreign: list[Path] = []
        self.files: list[Path] = []
        self.problems: list[Problem] = []

    def enter(self, folder: Path, depth: int) -> None:
        try:
            if self._refused_by_status(folder, folder.stat()):
                return
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths: they are filtered first
        except OSError as exc:
            self._refuse(folder, f"cannot be read: {exc.strerror}", "check its permissions")
            return
        for name in names:
            path = folder / name
            if name.startswith((".", "_")):
                if name.startswith("_") and name.endswith(".py"):
                    self.visit(path, listed=False)
                continue
            if self._is_folder(path):
                self._descend(path, depth + 1)
            elif name.endswith(".py"):
                self.visit(path)

    def _descend(self, path: Path, depth: int) -> None:
        if path.is_symlink():
            self._refuse(path, "is a link to a folder", "copy the folder, or give its own path")
        elif depth > MAX_DEPTH:
            self._refuse(path, f"lies deeper than {MAX_DEPTH} folders", "move it up")
        else:
            self.enter(path, depth)

    @staticmethod
    def _is_folder(path: Path) -> bool:
        try:
            return path.is_dir()
        except OSError:
            return False

    def visit(self, path: Path, *, listed: bool = True) -> None:
        """Check a file; `listed=False`: others may import it, but it is no result itself."""
        try:
            real = path.resolve(strict=True)
            status = real.stat()
        except (OSError, RuntimeError):
            return self._refuse(path, "is a link that leads nowhere", "remove it")
        if not real.is_relative_to(self._real_root):
            return self._refuse(path, "is a link that leads out of the folder", "copy the file into the folder")
        if not stat.S_ISREG(status.st_mode):
            return self._refuse(path, "is not a regular file", "remove it")
        if status.st_size > self._max_bytes:
            return self._refuse(path, f"is larger than {self._max_bytes} bytes", "split it, or keep data elsewhere")
        if self._refused_by_status(path, status):
            return None
        if not listed:
            return None
        if len(self.files) >= self._max_files:
            return self._refuse(path, f"is beyond the first {self._max_files} files", "use a smaller folder")
        self.files.append(path)
        return None

    def _refused_by_status(self, path: Path, status: os.stat_result) -> bool:
        mode = status.st_mode
        if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            self._refuse(path, "may be written by everybody", f"chmod o-w {path.name}")
            return True
        if mode & stat.S_IWGRP:
            self._group_writable.append(path)
        if self._owners is not None and status.st_uid not in self._owners:
            self._foreign.append(path)
        return False

    def _refuse(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(Problem(message, file=str(path), remedy=remedy))

    def warnings(self) -> list[Problem]:
        """One of each kind."""
        kinds = (
            (self._group_writable, "may be written by its group", "chmod g-w"),
            (self._foreign, FOREIGN, "chown it to the user that runs the server, or to root"),
        )
        return [_warning(paths, message, remedy) for paths, message, remedy in kinds if paths]


def _warning(paths: list[Path], message: str, remedy: str) -> Problem:
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    return Problem(f"{message}{more}", file=str(paths[0]), remedy=remedy, severity="warning")


class Package:
    """One folder of user files under a private name of its own: a new instance imports everything anew.

    With `files` (name below the folder -> content) these are what is imported, and not what the disk holds by then.
    """

    def __init__(self, root: Path, files: Mapping[str, bytes] | None = None) -> None:
        self._root = root.resolve()
        self._files = files or {}
        digest = hashlib.sha256(str(self._root).encode(errors="surrogateescape")).hexdigest()[:8]
        self.name = f"_journeyman_files_{digest}_{next(_numbers)}"

    def load(self, file: Path) -> types.ModuleType | Problem:
        """The module of a file under the folder, imported at most once.

        Every exception is a Problem, SystemExit included; KeyboardInterrupt passes.
        """
        path = file.absolute()
        try:
            parts = path.resolve().relative_to(self._root).with_suffix("").parts
        except ValueError:
            return Problem("lies outside the folder", file=str(file), remedy="move it into the folder")
        try:
            self._ensure_root()
            return self._import(parts, path)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - a user's file may raise anything at import
            return self._problem(exc, path)

    def forget(self) -> None:
        """Let the modules go: what still holds parts of them keeps these alive."""
        for name in [name for name in sys.modules if name == self.name or name.startswith(f"{self.name}.")]:
            del sys.modules[name]
        sys.meta_path[:] = [each for each in sys.meta_path if each is not self]

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """What `import` asks (PEP 451): the package's own modules, from their sources, never from cached bytecode."""
        if not name.startswith(f"{self.name}."):
            return None
        place = self._root.joinpath(*name.removeprefix(f"{self.name}.").split("."))
        init, file = place / "__init__.py", place.with_name(f"{place.name}.py")
        if self._holds(init):
            return self._spec(name, init, [str(place)])
        if self._holds(file):
            return self._spec(name, file)
        if not place.is_dir():
            return None
        folder = importlib.machinery.ModuleSpec(name, None, is_package=True)
        folder.submodule_search_locations = [str(place)]
        return folder

    def _holds(self, file: Path) -> bool:
        return file.relative_to(self._root).as_posix() in self._files if self._files else file.is_file()

    def _spec(self, name: str, file: Path, beneath: list[str] | None = None) -> importlib.machinery.ModuleSpec | None:
        loader = _Loader(name, str(file), self._files.get(self._name_below(file)))
        return importlib.util.spec_from_file_location(name, file, loader=loader, submodule_search_locations=beneath)

    def _name_below(self, file: Path) -> str:
        try:
            return file.relative_to(self._root).as_posix()
        except ValueError:
            return ""

    def _ensure_root(self) -> None:
        if self.name in sys.modules:
            return
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)  # before Python's own, which would find the files
        init = self._root / "__init__.py"
        if self._holds(init):
            _execute(self._spec(self.name, init, [str(self._root)]))
            return
        package = types.ModuleType(self.name)
        package.__path__ = [str(self._root)]
        package.__package__ = self.name
        sys.modules[self.name] = package

    def _import(self, parts: tuple[str, ...], path: Path) -> types.ModuleType:
        parent = ".".join((self.name, *parts[:-1]))
        importlib.import_module(parent)
        name = f"{parent}.{parts[-1]}"
        if name in sys.modules:
            return sys.modules[name]
        return _execute(self._spec(name, self._root.joinpath(*parts).with_suffix(".py")))

    def _problem(self, exc: BaseException, path: Path) -> Problem:
        text = f"{type(exc).__name__}: {_text(exc)}" if _text(exc) else type(exc).__name__
        text = valid_text(text.replace(f"{self.name}.", "").replace(self.name, path.parent.name))[:_MESSAGE_CAP]
        if isinstance(exc, SyntaxError):
            place = exc.filename or str(path)
            return Problem(f"syntax error: {exc.msg}", place, exc.lineno, exc.offset, "correct the line")
        file, line = self._place(exc, path)
        return Problem(f"the import failed: {text}", file, line, remedy=self._remedy(exc))

    def _place(self, exc: BaseException, path: Path) -> tuple[str, int | None]:
        """The innermost line of the traceback that lies in the folder."""
        inside = [
            frame for frame in traceback.extract_tb(exc.__traceback__) if frame.filename.startswith(str(self._root))
        ]
        return (inside[-1].filename, inside[-1].lineno) if inside else (str(path), None)

    def _remedy(self, exc: BaseException) -> str:
        if isinstance(exc, SystemExit):
            return "remove the exit: importing a file must not end the program"
        if not isinstance(exc, ModuleNotFoundError) or not exc.name:
            return "make the file importable without side effects"
        if exc.name.startswith(self.name):
            return "no such file beside it"
        return install_line(exc.name)


def install_line(module: str) -> str:
    """What to run to have a module: `pip install` with the name that its distribution has."""
    package = module.partition(".")[0]
    return f"pip install {_DISTRIBUTIONS.get(module) or _DISTRIBUTIONS.get(package, package)}"


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles what it was given, or what the file holds now: cached bytecode knows changes by the second only."""

    def __init__(self, name: str, path: str, content: bytes | None) -> None:
        super().__init__(name, path)
        self._content = content

    def get_data(self, path: str) -> bytes:
        return super().get_data(path) if self._content is None else self._content

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        code: types.CodeType = self.source_to_code(self.get_data(path), path)
        return code


class ImportedFiles:
    """Imports user files, each content once: what has not changed is not run again. The last 16 are kept."""

    def __init__(self, kept: int = 16) -> None:
        self._kept = kept
        self._known: dict[tuple[Path, Path, str], tuple[Package, types.ModuleType]] = {}

    def __call__(self, file: Path, root: Path) -> types.ModuleType | Problem:
        """The module of `file`. It is imported anew when it or a Python file beside it or beside `root` changed."""
        key = (file, root, ".".join(read_sources(each).fingerprint for each in (file, root / file.name)))
        if key in self._known:
            return self._known[key][1]
        package = Package(root)
        module = package.load(file)
        if isinstance(module, Problem):
            package.forget()
            return module
        self._known[key] = package, module
        while len(self._known) > self._kept:
            self._known.pop(next(iter(self._known)))[0].forget()
        return module


def import_file(file: Path, root: Path | None = None) -> types.ModuleType | Problem:
    """Import one user file anew, with relative imports inside `root` (default: its folder)."""
    return Package(root or file.parent).load(file)


def _execute(spec: importlib.machinery.ModuleSpec | None) -> types.ModuleType:
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    return module


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001 - __str__ is the user's code
        return ""


def search_path() -> str:
    """The server's `sys.path` for a child, in absolute paths."""
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" is the working folder
