"""Resolves names in a file to dotted paths, by imports, simple assignments and annotations. It ignores scopes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence

_BUILTINS = frozenset(dir(builtins))


class NameResolver:
    """The names of one file, and what they mean."""

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        self._means: dict[str, str] = {}
        self._bound: set[str] = set()
        for node in nodes:
            self._import(node)
        for node in nodes:
            self._bind(node)

    def dotted(self, node: ast.AST | None) -> str:
        """Return what an expression means: "os.system", or "pathlib.Path().open" for the method of an instance.

        Returns an empty string if that is not known.
        """
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=value, attr=attr):
                base = self.dotted(value)
                return f"{base}.{attr}" if base else ""
            case ast.Call():
                return self._called(node)
            case ast.Await(value=value):
                return self.dotted(value)
            case ast.BinOp(left=left, op=ast.Div()):
                base = self.dotted(left)
                return base if base == "pathlib.Path()" else ""
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))) if "__builtins__" in ast.dump(value):
                return f"builtins.{key}"
            case _:
                return ""

    def _named(self, name: str) -> str:
        if name in self._means:
            return self._means[name]
        return f"builtins.{name}" if name in _BUILTINS and name not in self._bound else ""

    def _called(self, node: ast.Call) -> str:
        """Return what a call returns: an instance of what is called, or the attribute that getattr names."""
        name = self.dotted(node.func)
        match node.args:
            case [thing, ast.Constant(value=str(attr)), *_] if name == "builtins.getattr":
                base = self.dotted(thing)
                return f"{base}.{attr}" if base else ""
            case [ast.Constant(value=str(module)), *_] if name in ("builtins.__import__", "importlib.import_module"):
                return module
        return f"{name}()" if name else ""

    def _import(self, node: ast.AST) -> None:
        """Remember the names that a node imports or binds."""
        match node:
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    self._means[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=module, names=names, level=0):
                for alias in names:
                    self._means[alias.asname or alias.name] = f"{module}.{alias.name}"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._bound.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                self._bound.add(name)

    def _bind(self, node: ast.AST) -> None:
        """Remember what the name of a simple assignment or an annotated parameter means."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in self._means:
                self._remember(name, self.dotted(value))
            case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)) if name not in self._means:
                self._remember(name, self.dotted(value))
            case ast.arg(arg=name, annotation=annotation) if annotation is not None and name not in self._means:
                dotted = self.dotted(annotation)
                if dotted and not dotted.startswith("builtins."):
                    self._remember(name, f"{dotted}()")

    def _remember(self, name: str, dotted: str) -> None:
        if dotted:
            self._means[name] = dotted
