"""Rules about `async def`: code that blocks the event loop, and with it every run of the server."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from journeyman.tools.lint.rules import calls
from journeyman.tools.lint.rules.catalogue import Hit
from journeyman.tools.lint.rules.names import NameResolver

Blocking = dict[str, tuple[str, str]]  # name of a plain function -> rule, and the call in it that blocks
_PASSES = 5  # how deeply nested calls of plain functions are followed
_ENDS = ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Return | ast.Break | ast.Raise | ast.Yield | ast.YieldFrom


def loop_hits(tree: ast.Module, nodes: Sequence[ast.AST], names: NameResolver) -> Iterator[Hit]:
    """Yield the hits in the async functions of a file."""
    functions = [node for node in nodes if isinstance(node, ast.AsyncFunctionDef)]
    blocking = _blocking_functions(tree, names) if functions else {}
    for function in functions:
        for node in _own_nodes(function):
            match node:
                case ast.Call():
                    found = _blocks(node, names, blocking)
                    if found is not None:
                        yield _hit(node, found[0], f"{found[1]} in async def {function.name} blocks the event loop")
                case ast.While(test=ast.Constant(value=value)) if value and not _ends(node):
                    text = f"the loop in async def {function.name} never gives control to the event loop"
                    yield _hit(node, "JM503", text, node.lineno)
                case ast.ExceptHandler() if _swallows(node, names):
                    yield _hit(node, "JM504", f"async def {function.name} ignores its cancellation", node.lineno)


def _hit(node: ast.expr | ast.stmt | ast.ExceptHandler, rule: str, message: str, end: int | None = None) -> Hit:
    return Hit(rule=rule, line=node.lineno, end=end or node.end_lineno or node.lineno, message=message, access="loop")


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of the functions that it defines."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _blocking_functions(tree: ast.Module, names: NameResolver) -> Blocking:
    """Return the plain functions of a file that block, directly or by calling another one that does."""
    plain = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found: Blocking = {}
    for _ in range(_PASSES):
        before = len(found)
        for function in plain:
            if function.name not in found:
                for node in _own_nodes(function):
                    inner = _blocks(node, names, found) if isinstance(node, ast.Call) else None
                    if inner is not None:
                        found[function.name] = (inner[0], f"{function.name} ({inner[1].partition(' ')[0]})")
                        break
        if len(found) == before:
            break
    return found


def _blocks(node: ast.Call, names: NameResolver, functions: Blocking) -> tuple[str, str] | None:
    """Return the rule that a call breaks if it blocks, and what to name it; None if it does not block."""
    if isinstance(node.func, ast.Name) and node.func.id in functions:
        return functions[node.func.id]
    name = names.dotted(node.func)
    shown = name.removeprefix("builtins.").replace("()", "")
    if name in calls.WAITS:
        return "JM501", shown
    return ("JM502", shown) if name in calls.LOCAL_IO else None


def _ends(loop: ast.While) -> bool:
    """Check that an endless loop awaits something or can be left."""
    return any(isinstance(node, _ENDS) for node in _own_nodes(loop))


def _swallows(handler: ast.ExceptHandler, names: NameResolver) -> bool:
    """Check that an except clause catches a cancellation without raising it again."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    caught = {names.dotted(kind) for kind in kinds if kind is not None}
    broad = handler.type is None or caught & {"builtins.BaseException", "asyncio.CancelledError"}
    return bool(broad) and not any(isinstance(node, ast.Raise) for node in _own_nodes(handler))
