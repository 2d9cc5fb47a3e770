"""Rules that hold for every tool, whatever it declares: code from text, native code, credentials in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from journeyman.tools.lint.credentials import is_credential
from journeyman.tools.lint.rules import calls
from journeyman.tools.lint.rules.catalogue import Hit
from journeyman.tools.lint.rules.names import NameResolver


def hit(node: ast.AST, rule: str, message: str) -> Hit:
    """Return a hit at the lines of a node."""
    line = getattr(node, "lineno", 1)
    return Hit(rule=rule, line=line, end=getattr(node, "end_lineno", None) or line, message=message)


def argument(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument; None if it is not given."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def code_hits(node: ast.AST, names: NameResolver) -> Iterator[Hit]:
    """Yield the hits of one node."""
    match node:
        case ast.Call():
            yield from _call(node, names.dotted(node.func), names)
        case ast.Attribute(attr=attr):
            yield from _attribute(node, attr, names)
        case ast.Import() | ast.ImportFrom():
            yield from _native(node)
        case ast.Assign(targets=[target, *_], value=ast.Constant(value=str(text)) as value):
            yield from _credential(value, _name_of(target), text)
        case ast.AnnAssign(target=target, value=ast.Constant(value=str(text)) as value):
            yield from _credential(value, _name_of(target), text)
        case ast.keyword(arg=str(name), value=ast.Constant(value=str(text)) as value):
            yield from _credential(value, name, text)
        case ast.Dict(keys=keys, values=values):
            for key, entry in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(entry, ast.Constant) and isinstance(entry.value, str):
                    yield from _credential(entry, str(key.value), entry.value)
        case ast.arguments():
            yield from _defaults(node)


def _call(node: ast.Call, name: str, names: NameResolver) -> Iterator[Hit]:
    shell = argument(node, "shell")
    if name in calls.RUN_CODE:
        yield hit(node, "JM101", f"{_short(name)} runs text as code")
    elif name in calls.SHELLS or (shell is not None and not _is(shell, False) and name in calls.PROGRAMS):
        yield hit(node, "JM102", f"{_short(name)} runs text in a shell")
    elif name in calls.PROGRAMS:
        yield hit(node, "JM103", f"{_short(name)} starts another program")
    elif name in calls.UNSAFE_LOADS and not (name == "torch.load" and _is(argument(node, "weights_only"), True)):
        yield hit(node, "JM104", f"{name} runs code that the data contains")
    elif name == "numpy.load" and _is(argument(node, "allow_pickle"), True):
        yield hit(node, "JM104", "numpy.load with allow_pickle=True runs code that the data contains")
    elif name in calls.UNSAFE_YAML and not _safe_loader(node, names):
        yield hit(node, "JM105", f"{name} creates any object that the document names")
    elif name in calls.DYNAMIC_IMPORTS:
        yield hit(node, "JM106", f"{_short(name)} hides which module is imported")
    elif name == "builtins.getattr" and not _has_literal_name(node) and _is_powerful(names.dotted(node.args[0])):
        yield hit(node, "JM106", "getattr with a computed name on a module gives access to everything in it")
    elif name in calls.PROCESS_WIDE:
        yield hit(node, "JM109", f"{_short(name)} acts on the whole process")
    elif name in calls.TEMPLATES and node.args and not isinstance(node.args[0], ast.Constant):
        yield hit(node, "JM110", f"{name} of a computed text runs the code in that text")
    elif name in calls.UNSAFE_NAMES:
        yield hit(node, "JM304", f"{name} gives a name that another process may use first")
    elif name in calls.UNPACKERS or (name in calls.ARCHIVES and argument(node, "filter") is None):
        yield hit(node, "JM305", f"{name.replace('()', '')} writes to any path that the archive names")
    yield from _outgoing(node, name)


def _outgoing(node: ast.Call, name: str) -> Iterator[Hit]:
    if name in calls.NEEDS_TIMEOUT and not _has_timeout(node, calls.NEEDS_TIMEOUT[name]):
        yield hit(node, "JM201", f"{name.replace('()', '')} without a timeout waits for ever")
    elif name.startswith("httpx.") and _is(argument(node, "timeout"), None):
        yield hit(node, "JM201", f"{name.replace('()', '')} with timeout=None waits for ever")
    library = name.partition(".")[0]
    if library in calls.NETWORK and (_is(argument(node, "verify"), False) or _is(argument(node, "ssl"), False)):
        yield hit(node, "JM205", f"{name.replace('()', '')} does not verify the server's certificate")
    if name in calls.UNCHECKED_TLS:
        yield hit(node, "JM205", f"{name} does not verify the server's certificate")


def _attribute(node: ast.Attribute, attr: str, names: NameResolver) -> Iterator[Hit]:
    if attr in calls.INTERPRETER_INTERNALS:
        yield hit(node, "JM107", f"{attr} gives access to the interpreter's internals")
    elif names.dotted(node) == "ssl.CERT_NONE":
        yield hit(node, "JM205", "ssl.CERT_NONE does not verify the server's certificate")


def _native(node: ast.Import | ast.ImportFrom) -> Iterator[Hit]:
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    for module in modules:
        if module.partition(".")[0] in calls.NATIVE:
            yield hit(node, "JM108", f"{module} calls native code, to which Python's checks do not apply")


def _credential(node: ast.Constant, name: str, text: str) -> Iterator[Hit]:
    named = any(char.isdigit() for char in text) and "://" not in text and name
    if is_credential("", text) or (named and is_credential(name, text)):
        yield hit(node, "JM401", f"a credential is written out{f' ({name})' if name else ''}")


def _defaults(node: ast.arguments) -> Iterator[Hit]:
    """Yield the credentials among the defaults of a function's parameters."""
    positional = [*node.posonlyargs, *node.args]
    last = zip(reversed(positional), reversed(node.defaults), strict=False)
    for parameter, default in (*last, *zip(node.kwonlyargs, node.kw_defaults, strict=True)):
        if isinstance(default, ast.Constant) and isinstance(default.value, str):
            yield from _credential(default, parameter.arg, default.value)


def _has_timeout(node: ast.Call, position: int | None) -> bool:
    """Check that a call has a timeout, by keyword or at this position (None: by keyword only)."""
    if any(keyword.arg is None for keyword in node.keywords):  # **options may hold one
        return True
    given = argument(node, "timeout")
    if given is not None:
        return not _is(given, None)
    return position is not None and len(node.args) > position


def _safe_loader(node: ast.Call, names: NameResolver) -> bool:
    given = argument(node, "Loader") or (node.args[1] if len(node.args) > 1 else None)
    return names.dotted(given) in calls.SAFE_LOADERS


def _has_literal_name(node: ast.Call) -> bool:
    """Check that the attribute name of a `getattr` is a literal."""
    return len(node.args) < 2 or isinstance(node.args[1], ast.Constant)


def _is_powerful(name: str) -> bool:
    """Check for a module whose attributes can run code or change files."""
    return name in ("builtins", "os", "sys", "subprocess", "importlib", "shutil")


def _is(node: ast.expr | None, value: object) -> bool:
    """Check that a node is the literal `value`."""
    return isinstance(node, ast.Constant) and node.value is value


def _name_of(target: ast.expr) -> str:
    """Return the name of what is assigned to; empty if it has none."""
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case _:
            return ""


def _short(name: str) -> str:
    return name.removeprefix("builtins.")
