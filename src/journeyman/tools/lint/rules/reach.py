"""What code reaches for: hosts, paths, variables, a thread's context. Whether it may, the tool's policy says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from journeyman.tools.lint.rules import calls
from journeyman.tools.lint.rules.catalogue import Hit, Reach
from journeyman.tools.lint.rules.code import argument, hit
from journeyman.tools.lint.rules.names import NameResolver
from journeyman.user_code.importing import install_line

_URL = re.compile(r"(?:https?|wss?|ftp)://(?:[^/@\s]*@)?(\[[0-9a-fA-F:]+\]|[^/:\s?#]+)(:\d+)?")

_CONTEXTS = ("journeyman.ToolContext().context", "journeyman.tools.tool.BlockingToolContext().context")


def reach_hits(node: ast.AST, names: NameResolver) -> Iterator[Hit]:
    match node:
        case ast.Call():
            name = names.dotted(node.func)
            yield from _network(node, name)
            yield from _files(node, name)
            yield from _variable(node, name)
        case ast.Subscript(value=value, slice=key) if names.dotted(value) == "os.environ":
            yield _reach(node, "env", "reads {what} of the environment", _text(key))
        case ast.Attribute() if names.dotted(node) in _CONTEXTS:
            yield _reach(node, "thread_state", "is cached, and reads the thread's or the principal's context", "")


def _reach(node: ast.AST, reach: Reach, message: str, what: str) -> Hit:
    line = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", None) or line
    return Hit(line=line, end=end, message=message.format(what=what or "variables"), reach=reach, what=what)


def library_of(name: str) -> str:
    """The network library that a dotted name is of; empty: none."""
    return next((known for known in calls.NETWORK if name == known or name.startswith((f"{known}.", f"{known}("))), "")


def _network(node: ast.Call, name: str) -> Iterator[Hit]:
    library = library_of(name)
    if not library:
        return
    shown = "ctx.http" if library.endswith(".http") else library
    yield _reach(node, "network", f"uses the network ({shown})", library)
    for given in (*node.args[:2], argument(node, "url"), argument(node, "host"), argument(node, "base_url")):
        host = _host(given)
        if host:
            yield _reach(node, "host", f"talks to {host}", host)


def _host(node: ast.expr | None) -> str:
    """The host of a literal address; the beginning of an f-string is enough where the host ends in it."""
    text = _text(node)
    if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
        text = _text(node.values[0])
        found = _URL.match(text)
        return "" if found is None or found.end() == len(text) else _joined(found)
    if isinstance(node, ast.Tuple) and node.elts:  # a socket's (host, port)
        host, *rest = (_text(part) for part in node.elts)
        port = node.elts[1].value if len(rest) and isinstance(node.elts[1], ast.Constant) else None
        return f"{host.lower()}:{port}" if host and isinstance(port, int) else host.lower()
    found = _URL.match(text)
    return _joined(found) if found else ""


def _joined(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ''}".lower()


def _files(node: ast.Call, name: str) -> Iterator[Hit]:
    if name in calls.OPENS:
        path = _path(node, name)
        kind: Reach = "write" if _opens_to_write(node, name) else "path"
    elif name in calls.PATH_WRITES:
        path, kind = _path(node, name), "write"
    elif name in calls.PATH_READS:
        path, kind = _path(node, name), "path"
    elif name in calls.WRITES:
        place = calls.WRITES[name]
        path, kind = _text(node.args[place]) if len(node.args) > place else "", "write"
    else:
        return
    if kind == "write":
        yield _reach(node, "write", "writes to files", path)
    if path:
        yield _reach(node, "path", f"opens {path[:100]}", path)


def _path(node: ast.Call, name: str) -> str:
    """A literal path: the first argument, or what `Path("…")` was made of."""
    if not name.startswith("pathlib."):
        return _text(node.args[0]) if node.args else _text(argument(node, "file"))
    made = node.func.value if isinstance(node.func, ast.Attribute) else None
    return _text(made.args[0]) if isinstance(made, ast.Call) and len(made.args) == 1 else ""


def _opens_to_write(node: ast.Call, name: str) -> bool:
    place = 0 if name.startswith("pathlib.") else 1
    mode = argument(node, "mode") or (node.args[place] if len(node.args) > place else None)
    if mode is None:
        return False
    return not isinstance(mode, ast.Constant) or bool(set(str(mode.value)) & set("wax+"))


def _variable(node: ast.Call, name: str) -> Iterator[Hit]:
    if name in ("os.getenv", "os.environ.get", "os.environ.setdefault", "os.environ.pop") and node.args:
        yield _reach(node, "env", "reads {what} of the environment", _text(node.args[0]))
    elif name.startswith("os.environ."):
        yield _reach(node, "env", "reads {what} of the environment", "")


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def missing_packages(nodes: Sequence[ast.AST]) -> Iterator[Hit]:
    """Packages imported inside functions or blocks, which discovery may not reach. Nothing is imported to find out."""
    inner = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and node.col_offset]
    if not inner:
        return
    guarded = {id(each) for node in nodes if _guards(node) for each in ast.walk(node)}
    for node in inner:
        for package in _packages(node) if id(node) not in guarded else ():
            if not _is_there(package):
                yield hit(node, "JM601", f"{package} is not installed: {install_line(package)}")


def _guards(node: ast.AST) -> bool:
    """Whether an import inside may fail, or is for type checkers alone."""
    return isinstance(node, ast.Try) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))


def _packages(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module.partition(".")[0]] if node.module and not node.level else []
    return [alias.name.partition(".")[0] for alias in node.names]


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
