"""Finds the functions of `function` nodes in files beside the agent file, without importing them."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from pathlib import Path

from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.errors import Problem
from journeyman.user_code.importing import MAX_BYTES

_CALL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class FunctionNodes:
    """The functions in the Python files of a folder. Each file is read once."""

    def __init__(self, folder: Path | None) -> None:
        self.problems: list[Problem] = []  # of the files themselves, each once
        self._folder = folder
        self._files: dict[str, dict[str, _Function] | None] = {}
        self._hashes: dict[str, str] = {}

    def fault(self, call: str) -> tuple[str, str] | None:
        """Return why `module:function` cannot be the code of a node, and a remedy. None: it can."""
        found = _CALL.fullmatch(call)
        if found is None:
            return f"`call: {call}` is not of the form module:function", "write nodes:score for score in nodes.py"
        if self._folder is None:
            return (
                f"`call: {call}` names a file, which needs an agent file in the same folder",
                "use an agent file",
            )
        module, name = found.groups()
        file = module.replace(".", "/") + ".py"
        try:
            functions = self._functions(self._folder, file)
        except ValueError as exc:
            return str(exc), f"write {file} beside the agent file, with `async def {name}(ctx)`"
        return None if functions is None else _fault_of(functions, file, name)

    def code_hash(self, call: str) -> str:
        """Return 16 hexadecimal digits of the SHA-256 of the file of `module:function`. `fault` must have read it."""
        return self._hashes.get(call.partition(":")[0].replace(".", "/") + ".py", "")

    def _functions(self, folder: Path, file: str) -> dict[str, _Function] | None:
        """Return the top-level functions of `file`. None: it has a problem. Raises ValueError if it is not found."""
        path = file_inside(folder, file)
        if file not in self._files:
            self._files[file] = self._read(file, path)
        return self._files[file]

    def _read(self, file: str, path: Path) -> dict[str, _Function] | None:
        self.problems += file_permissions(path)
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                self.problems.append(Problem("the file is too large", str(path), remedy=f"at most {MAX_BYTES} bytes"))
                return None
            self._hashes[file] = hashlib.sha256(content).hexdigest()[:16]
            tree = ast.parse(content, str(path))
        except SyntaxError as exc:
            message = f"it is not Python: {exc.msg}"
            self.problems.append(Problem(message, str(path), exc.lineno, exc.offset, "correct it"))
        except (OSError, ValueError, RecursionError, MemoryError) as exc:  # not readable, not text, nested too deeply
            self.problems.append(Problem(f"the file cannot be read: {exc}", str(path), remedy="correct it"))
        else:
            return {node.name: node for node in tree.body if isinstance(node, _Function)}
        return None


def _fault_of(functions: dict[str, _Function], file: str, name: str) -> tuple[str, str] | None:
    function = functions.get(name)
    if function is None:
        close = difflib.get_close_matches(name, functions, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"write `async def {name}(ctx)` at its top level"
        return f"{file} has no function {name}", remedy
    if isinstance(function, ast.FunctionDef):
        return f"{name} of {file} is a plain def (line {function.lineno})", f"write `async def {name}(ctx)`"
    if not _takes_one(function.args):
        return f"{name} of {file} does not take one argument (line {function.lineno})", f"write `async def {name}(ctx)`"
    return None


def _takes_one(args: ast.arguments) -> bool:
    """Return whether the function can be called with one argument."""
    positional = len(args.posonlyargs) + len(args.args)
    required = positional - len(args.defaults)
    keywords = any(default is None for default in args.kw_defaults)
    return required <= 1 and (positional >= 1 or args.vararg is not None) and not keywords
