"""Rules about what code uses: hosts, paths, variables, a thread's context. The tool's policy says what is allowed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

from journeyman.tools.lint.rules import calls
from journeyman.tools.lint.rules.catalogue import Access, Hit
from journeyman.tools.lint.rules.code import argument, hit
from journeyman.tools.lint.rules.names import NameResolver

_URL = re.compile(r"(?:https?|wss?|ftp)://(?:[^/@\s]*@)?(\[[0-9a-fA-F:]+\]|[^/:\s?#]+)(:\d+)?")

_CONTEXTS = ("journeyman.ToolContext().context", "journeyman.tools.tool.BlockingToolContext().context")


def access_hits(node: ast.AST, names: NameResolver) -> Iterator[Hit]:
    """Yield the hits of one node."""
    match node:
        case ast.Call():
            name = names.dotted(node.func)
            yield from _network(node, name)
            yield from _files(node, name)
            yield from _variable(node, name)
        case ast.Subscript(value=value, slice=key) if names.dotted(value) == "os.environ":
            yield _access_hit(node, "env", "reads {what} of the environment", _text(key))
        case ast.Attribute() if names.dotted(node) in _CONTEXTS:
            yield _access_hit(node, "thread_state", "is cached, and reads the thread's or the principal's context", "")


def _access_hit(node: ast.AST, access: Access, message: str, what: str) -> Hit:
    line = getattr(node, "lineno", 1)
    end = getattr(node, "end_lineno", None) or line
    return Hit(line=line, end=end, message=message.format(what=what or "variables"), access=access, what=what)


def library_of(name: str) -> str:
    """Return the network library that a dotted name belongs to; empty if it belongs to none."""
    return next((known for known in calls.NETWORK if name == known or name.startswith((f"{known}.", f"{known}("))), "")


def _network(node: ast.Call, name: str) -> Iterator[Hit]:
    library = library_of(name)
    if not library:
        return
    shown = "ctx.http" if library.endswith(".http") else library
    yield _access_hit(node, "network", f"uses the network ({shown})", library)
    for given in (*node.args[:2], argument(node, "url"), argument(node, "host"), argument(node, "base_url")):
        host = _host(given)
        if host:
            yield _access_hit(node, "host", f"talks to {host}", host)


def _host(node: ast.expr | None) -> str:
    """Return the host of a literal address or of the literal start of an f-string; empty if it is computed."""
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
        kind: Access = "write" if _opens_to_write(node, name) else "path"
    elif name in calls.PATH_WRITES:
        path, kind = _path(node, name), "write"
    elif name in calls.PATH_READS:
        path, kind = _path(node, name), "path"
    elif name in calls.WRITES:
        position = calls.WRITES[name]
        path, kind = _text(node.args[position]) if len(node.args) > position else "", "write"
    else:
        return
    if kind == "write":
        yield _access_hit(node, "write", "writes to files", path)
    if path:
        yield _access_hit(node, "path", f"opens {path[:100]}", path)


def _path(node: ast.Call, name: str) -> str:
    """Return a literal path, given as the first argument or to `Path("…")`; empty if it is computed."""
    if not name.startswith("pathlib."):
        return _text(node.args[0]) if node.args else _text(argument(node, "file"))
    made = node.func.value if isinstance(node.func, ast.Attribute) else None
    return _text(made.args[0]) if isinstance(made, ast.Call) and len(made.args) == 1 else ""


def _opens_to_write(node: ast.Call, name: str) -> bool:
    position = 0 if name.startswith("pathlib.") else 1
    mode = argument(node, "mode") or (node.args[position] if len(node.args) > position else None)
    if mode is None:
        return False
    return not isinstance(mode, ast.Constant) or bool(set(str(mode.value)) & set("wax+"))


def _variable(node: ast.Call, name: str) -> Iterator[Hit]:
    if name in ("os.getenv", "os.environ.get", "os.environ.setdefault", "os.environ.pop") and node.args:
        yield _access_hit(node, "env", "reads {what} of the environment", _text(node.args[0]))
    elif name.startswith("os.environ."):
        yield _access_hit(node, "env", "reads {what} of the environment", "")


def _text(node: ast.AST | None) -> str:
    """Return a string literal; empty for any other node."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def missing_packages(nodes: Sequence[ast.AST], remedy: Callable[[str], str | None]) -> Iterator[Hit]:
    """Yield a hit for each package that is imported within a function or block and is not installed.

    Discovery may not run these imports. The packages are looked up and not imported. `remedy` says what to do about
    a package; None: it is found without being installed.
    """
    inner = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and node.col_offset]
    if not inner:
        return
    optional = {id(each) for node in nodes if _may_fail(node) for each in ast.walk(node)}
    for node in inner:
        for package in _packages(node) if id(node) not in optional else ():
            if not _is_installed(package) and (advice := remedy(package)) is not None:
                yield hit(node, "JM601", f"{package} is not installed: {advice}")


def _may_fail(node: ast.AST) -> bool:
    """Check that a node holds imports that may fail: a `try`, or a block for type checkers only."""
    return isinstance(node, ast.Try) or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))


def _packages(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module.partition(".")[0]] if node.module and not node.level else []
    return [alias.name.partition(".")[0] for alias in node.names]


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
