"""Finds and imports users' Python files; every mistake in one becomes a Problem.

A file is imported as a module of a package with a private name. So its relative imports work within its folder,
`sys.path` does not change, and files in two folders can have the same name. Modules beside the folder belong to a
second such package: the `import` of the files, and of no other code, finds them by their plain names.
"""

from __future__ import annotations

import builtins
import contextlib
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
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from journeyman.errors import Problem
from journeyman.events.messages import valid_text
from journeyman.user_code.sources import read_sources

MAX_FILES = 500
MAX_BYTES = 1024 * 1024  # per file
MAX_DEPTH = 8
UNTRUSTED_OWNER = "belongs to a user who is neither root nor the one that runs the server"
_MAX_MESSAGE = 500
_PRIVATE = "_journeyman_files_"
_numbers = itertools.count(1)
# Packages whose name on PyPI differs from the name that is imported.
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
    """The Python files of a folder that may be imported, in the order of their names, and the problems found."""

    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def trusted_owners() -> frozenset[int] | None:
    """Return the user ids whose files are trusted: root and the user of this process.

    None: the operating system has no such ids (Windows).
    """
    return None if os.name == "nt" else frozenset((0, os.geteuid()))


def is_read_only(path: Path) -> bool:
    """Return whether the path is on a file system that is mounted read-only, where no mode allows a change."""
    try:
        return os.name != "nt" and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def list_python_files(
    root: Path,
    *,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
    owners: Container[int] | None = None,
    is_read_only: Callable[[Path], bool] = is_read_only,
) -> FolderListing:
    """Return the `.py` files under `root` that may be imported, or `root` itself if it is a file.

    Hidden files and names that begin with `_` are not listed; the latter are checked, since other files import them.
    It is an error if a file is not regular, is a link out of the folder, is writable by every user (by its mode, unless
    it is mounted read-only, as a ConfigMap of Kubernetes is), or exceeds a limit.
    It is a warning if a file is writable by its group, or does not belong to one of the `owners` (default:
    `trusted_owners`).
    """
    try:
        real = root.resolve(strict=True)
    except (OSError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or "its links form a cycle"
        return FolderListing((), (Problem(f"it cannot be read: {reason}", file=str(root), remedy="check the path"),))
    owners = trusted_owners() if owners is None else owners
    lister = _Lister(real if real.is_dir() else real.parent, max_files, max_bytes, owners, is_read_only)
    if real.is_dir():
        lister.add_folder(root, 0)
    else:
        lister.add_file(root)
    return FolderListing(tuple(lister.files), (*lister.problems, *lister.warnings()))


class _Lister:
    def __init__(
        self,
        real_root: Path,
        max_files: int,
        max_bytes: int,
        owners: Container[int] | None,
        is_read_only: Callable[[Path], bool],
    ) -> None:
        self._real_root = real_root
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._owners = owners
        self._is_read_only = is_read_only
        self._group_writable: list[Path] = []
        self._untrusted: list[Path] = []
        self.files: list[Path] = []
        self.problems: list[Problem] = []

    def add_folder(self, folder: Path, depth: int) -> None:
        """Add the files of a folder and of its subfolders."""
        try:
            if self._is_world_writable(folder, folder.stat()):
                return
            names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths: they are filtered first
        except OSError as exc:
            self._refuse(folder, f"it cannot be read: {exc.strerror}", "check its permissions")
            return
        for name in names:
            path = folder / name
            if name.startswith((".", "_")):
                if name.startswith("_") and name.endswith(".py"):
                    self.add_file(path, listed=False)
                continue
            if self._is_folder(path):
                self._add_subfolder(path, depth + 1)
            elif name.endswith(".py"):
                self.add_file(path)

    def _add_subfolder(self, path: Path, depth: int) -> None:
        if path.is_symlink():
            self._refuse(path, "it is a link to a folder", "copy the folder, or configure its real path")
        elif depth > MAX_DEPTH:
            self._refuse(path, f"it is nested deeper than {MAX_DEPTH} folders", "move it up")
        else:
            self.add_folder(path, depth)

    @staticmethod
    def _is_folder(path: Path) -> bool:
        try:
            return path.is_dir()
        except OSError:
            return False

    def add_file(self, path: Path, *, listed: bool = True) -> None:
        """Check a file and add it to the list. `listed=False` only checks it."""
        try:
            real = path.resolve(strict=True)
            status = real.stat()
        except (OSError, RuntimeError):
            return self._refuse(path, "it is a link to a file that does not exist", "remove it")
        if not real.is_relative_to(self._real_root):
            return self._refuse(path, "it is a link to a file outside the folder", "copy the file into the folder")
        if not stat.S_ISREG(status.st_mode):
            return self._refuse(path, "it is not a regular file", "remove it")
        if status.st_size > self._max_bytes:
            return self._refuse(path, f"it is larger than {self._max_bytes} bytes", "split it, or keep data elsewhere")
        if self._is_world_writable(path, status):
            return None
        if not listed:
            return None
        if len(self.files) >= self._max_files:
            return self._refuse(path, f"it is not among the first {self._max_files} files", "use a smaller folder")
        self.files.append(path)
        return None

    def _is_world_writable(self, path: Path, status: os.stat_result) -> bool:
        """Refuse a path that every user may change, and collect those to warn of."""
        mode = status.st_mode
        if mode & (stat.S_IWOTH | stat.S_IWGRP) and self._is_read_only(path):
            mode &= ~(stat.S_IWOTH | stat.S_IWGRP)
        if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            self._refuse(path, "every user of this machine may change it", f"chmod o-w {path.name}")
            return True
        if mode & stat.S_IWGRP:
            self._group_writable.append(path)
        if self._owners is not None and status.st_uid not in self._owners:
            self._untrusted.append(path)
        return False

    def _refuse(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(Problem(message, file=str(path), remedy=remedy))

    def warnings(self) -> list[Problem]:
        """Return one warning for all files that the group may change, and one for all with an untrusted owner."""
        kinds = (
            (self._group_writable, "its group may change it", "chmod g-w"),
            (self._untrusted, f"it {UNTRUSTED_OWNER}", "chown it to the user that runs the server, or to root"),
        )
        return [_warning(paths, message, remedy) for paths, message, remedy in kinds if paths]


def _warning(paths: list[Path], message: str, remedy: str) -> Problem:
    more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
    return Problem(f"{message}{more}", file=str(paths[0]), remedy=remedy, severity="warning")


class Package:
    """A folder of user files as a package with a unique private name; a new instance imports every file again.

    With `files` (path below the folder -> content) these contents are imported instead of the files on disk. Paths that
    begin with `../` are modules beside the folder, which the files import by absolute names.
    """

    def __init__(self, root: Path, files: Mapping[str, bytes] | None = None, *, beside: bool = False) -> None:
        self._root = root.resolve()
        self._files = {name: content for name, content in (files or {}).items() if not name.startswith("../")}
        others = {name[3:]: content for name, content in (files or {}).items() if name.startswith("../")}
        self._local = self if beside else Package(self._root.parent, others, beside=True) if others else None
        digest = hashlib.sha256(str(self._root).encode(errors="surrogateescape")).hexdigest()[:8]
        self.name = f"{_PRIVATE}{digest}_{next(_numbers)}"

    def load(self, file: Path) -> types.ModuleType | Problem:
        """Import a file under the folder, at most once, and return its module.

        Every exception of the import is returned as a Problem, even SystemExit; only KeyboardInterrupt is raised.
        """
        path = file.absolute()
        try:
            below = self._below(path)
        except ValueError:
            return Problem("it is outside the folder", file=str(file), remedy="move it into the folder")
        if dotted := next((part for part in below.parts[:-1] if "." in part), None):
            text = f"its folder {dotted!r} has a dot in its name, which Python takes for the end of a package's name"
            return Problem(text, file=str(file), remedy="rename the folder")
        try:
            self._ensure_root()
            return self._import(below)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - a user's file may raise anything at import
            return self._problem(exc, path)

    def _below(self, path: Path) -> Path:
        """Return the path below the folder by which a file is imported. Raises ValueError if it is outside.

        In a ConfigMap of Kubernetes the files are links into the hidden folder `..data`: there it is that of the link.
        """
        real = path.resolve()
        below = real.relative_to(self._root)
        if any("." in part for part in below.parts[:-1]):
            if (self._root / path.name).resolve() == real:
                return Path(path.name)
            return (path.parent.resolve() / path.name).relative_to(self._root)
        return below

    def unload(self) -> None:
        """Remove the modules from `sys.modules`. Objects of them that are still referenced stay usable."""
        for name in [name for name in sys.modules if name == self.name or name.startswith(f"{self.name}.")]:
            del sys.modules[name]
        sys.meta_path[:] = [each for each in sys.meta_path if each is not self]
        if self._local is not None and self._local is not self:
            self._local.unload()

    def find_spec(self, name: str, paths: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module of this package (PEP 451), which is never loaded from cached bytecode.

        None: the module is not in this package.
        """
        if not name.startswith(f"{self.name}."):
            return None
        path = self._root.joinpath(*name.removeprefix(f"{self.name}.").split("."))
        init, file = path / "__init__.py", path.with_name(f"{path.name}.py")
        if self._has(init):
            return self._spec(name, init, [str(path)])
        if self._has(file):
            return self._spec(name, file)
        if not path.is_dir():
            return None
        folder = importlib.machinery.ModuleSpec(name, None, is_package=True)
        folder.submodule_search_locations = [str(path)]
        return folder

    def _has(self, file: Path) -> bool:
        return file.relative_to(self._root).as_posix() in self._files if self._files else file.is_file()

    def _spec(
        self, name: str, file: Path, search_paths: list[str] | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        loader = _Loader(name, str(file), self._files.get(self._relative_name(file)), self._local)
        return importlib.util.spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=search_paths
        )

    def _relative_name(self, file: Path) -> str:
        try:
            return file.relative_to(self._root).as_posix()
        except ValueError:
            return ""

    def _ensure_root(self) -> None:
        if self.name in sys.modules:
            return
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)  # before Python's finders, which would also find the files
        init = self._root / "__init__.py"
        if self._has(init):
            _execute(self._spec(self.name, init, [str(self._root)]))
            return
        package = types.ModuleType(self.name)
        package.__path__ = [str(self._root)]
        package.__package__ = self.name
        sys.modules[self.name] = package

    def _import(self, below: Path) -> types.ModuleType:
        parent, file = ".".join((self.name, *below.parts[:-1])), self._root / below
        importlib.import_module(parent)
        name = f"{parent}.{below.stem.replace('.', '_')}"  # a dot would make it a module of a package
        if name in sys.modules and sys.modules[name].__file__ == str(file):
            return sys.modules[name]
        return _execute(self._spec(name, file))

    def has_top(self, name: str) -> bool:
        """Return whether one of the files is the module or the package `name`, or is below it."""
        return any(file.partition("/")[0].removesuffix(".py") == name for file in self._files)

    def import_module(self, name: str, wanted: Iterable[str]) -> types.ModuleType:
        """Import a module by its dotted name below the folder. Returns it, or the top package if nothing is `wanted`.

        Raises as the import statement does.
        """
        self._ensure_root()
        full = f"{self.name}.{name}"
        module = importlib.import_module(full)
        for each in wanted:
            if hasattr(module, "__path__") and not hasattr(module, each) and each != "*":
                with contextlib.suppress(_NoSubmoduleError):
                    self._import_submodule(f"{full}.{each}")
        return module if wanted else sys.modules[f"{self.name}.{name.partition('.')[0]}"]

    @staticmethod
    def _import_submodule(name: str) -> None:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name == name:
                raise _NoSubmoduleError from exc  # it may be an attribute: the import statement says if it is not
            raise

    def _problem(self, exc: BaseException, path: Path) -> Problem:
        text = f"{type(exc).__name__}: {_text(exc)}" if _text(exc) else type(exc).__name__
        for package in filter(None, (self, self._local)):
            text = text.replace(f"{package.name}.", "").replace(package.name, package._root.name)
        text = valid_text(text)[:_MAX_MESSAGE]
        if isinstance(exc, SyntaxError):
            filename = exc.filename or str(path)
            return Problem(f"syntax error: {exc.msg}", filename, exc.lineno, exc.offset, "correct the line")
        file, line = self._location(exc, path)
        return Problem(f"the import failed: {text}", file, line, remedy=self._remedy(exc, Path(file)))

    def _location(self, exc: BaseException, path: Path) -> tuple[str, int | None]:
        """Return the innermost file and line of the traceback that is in the folder."""
        beside = () if self._local is None else {str(self._local._root / name) for name in self._local._files}
        inside = [
            frame
            for frame in traceback.extract_tb(exc.__traceback__)
            if frame.filename.startswith(str(self._root)) or frame.filename in beside
        ]
        return (inside[-1].filename, inside[-1].lineno) if inside else (str(path), None)

    def _remedy(self, exc: BaseException, file: Path) -> str:
        if isinstance(exc, SystemExit):
            return "remove the exit: importing a file must not end the program"
        if not isinstance(exc, ModuleNotFoundError) or not exc.name:
            return "make the file importable without side effects"
        if exc.name.startswith(_PRIVATE):
            return "no such file beside it"
        return nearby_remedy(exc.name, file, self._root) or install_line(exc.name)


def nearby_remedy(module: str, file: Path, root: Path) -> str | None:
    """Return how a file below `root` imports a module of this name that exists near it. None: there is none.

    A package of that name is an unrelated one, so it must not be installed.
    """
    name = module.partition(".")[0]
    for level, folder in enumerate(file.resolve().parents, 1):
        if not folder.is_relative_to(root):
            break
        if _has_module(folder, name):
            return f"{name!r} is in the folder {folder.name!r}: write `from {'.' * level} import {name}`"
    if _has_module(root.parent, name):
        return f"{name!r} is beside the folder {root.name!r}, but has no Python file that can be imported from there"
    return None


def _has_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()


def install_line(module: str) -> str:
    """Return the `pip install` command that installs a module, with the name of its distribution."""
    package = module.partition(".")[0]
    return f"pip install {_DISTRIBUTIONS.get(module) or _DISTRIBUTIONS.get(package, package)}"


class _Loader(importlib.machinery.SourceFileLoader):
    """A loader that compiles the content passed to it, or else the current file.

    It ignores cached bytecode, which notices a change only if the file's size, or its time in seconds, differs.
    """

    def __init__(self, name: str, path: str, content: bytes | None, local: Package | None) -> None:
        super().__init__(name, path)
        self._content = content
        self._local = local

    def exec_module(self, module: types.ModuleType) -> None:
        if self._local is not None:
            module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        super().exec_module(module)

    def _import(self, name: str, *rest: Any, **named: Any) -> types.ModuleType:
        """Import as Python does, except modules beside the folder. This is the `import` of the module's code."""
        given = dict(zip(("globals", "locals", "fromlist", "level"), rest, strict=False)) | named
        if self._local is None or given.get("level") or not self._local.has_top(name.partition(".")[0]):
            return builtins.__import__(name, *rest, **named)
        return self._local.import_module(name, given.get("fromlist") or ())

    def get_data(self, path: str) -> bytes:
        return super().get_data(path) if self._content is None else self._content

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        code: types.CodeType = self.source_to_code(self.get_data(path), path)
        return code


class ImportedFiles:
    """A cache of imported user files: a file whose content has not changed is not run again. It keeps the last 16."""

    def __init__(self, kept: int = 16) -> None:
        self._kept = kept
        self._modules: dict[tuple[Path, Path, str], tuple[Package, types.ModuleType]] = {}

    def __call__(self, file: Path, root: Path) -> types.ModuleType | Problem:
        """Return the module of `file`, importing it if it, or a Python file in its folder or in `root`, has changed."""
        key = (file, root, ".".join(read_sources(each).fingerprint for each in (file, root / file.name)))
        if key in self._modules:
            return self._modules[key][1]
        package = Package(root)
        module = package.load(file)
        if isinstance(module, Problem):
            package.unload()
            return module
        self._modules[key] = package, module
        while len(self._modules) > self._kept:
            self._modules.pop(next(iter(self._modules)))[0].unload()
        return module


def import_file(file: Path, root: Path | None = None) -> types.ModuleType | Problem:
    """Import a user file again, with relative imports within `root` (default: its folder)."""
    return Package(root or file.parent).load(file)


class _NoSubmoduleError(Exception):
    """A package has no module of a name that is imported from it."""


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
    """Return the server's `sys.path` for a child process, in absolute paths."""
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" is the working directory
