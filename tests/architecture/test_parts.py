"""Parts are complete when they are made: no attribute of a part is assigned from outside its module afterwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.harness.source_tree import trees

DATA = ("Struct", "NamedTuple", "TypedDict")  # bases of classes that are data; so is every dataclass
# "file attribute" -> why it may be assigned there.
ALLOWED: dict[str, str] = {}


def _is_data(node: ast.ClassDef) -> bool:
    bases = [ast.unparse(base) for base in (*node.bases, *node.decorator_list)]
    return any("dataclass" in base or base.split(".")[-1] in DATA for base in bases)


def _assigned(node: ast.AST) -> Iterator[ast.Attribute]:
    """Yield the attributes that a statement assigns."""
    match node:
        case ast.Assign(targets=targets):
            found: list[ast.expr] = targets
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            found = [target]
        case _:
            return
    for target in found:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        yield from (part for part in parts if isinstance(part, ast.Attribute))


def _is_own(target: ast.Attribute) -> bool:
    return isinstance(target.value, ast.Name) and target.value.id in ("self", "cls")


def _attributes() -> tuple[dict[str, set[str]], set[str]]:
    """Return the attributes of parts, with the files of their classes, and the fields of data classes."""
    parts: dict[str, set[str]] = {}
    fields: set[str] = set()
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            if _is_data(node):
                fields |= {
                    each.target.id
                    for each in node.body
                    if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
                }
                continue
            for target in (target for each in ast.walk(node) for target in _assigned(each) if _is_own(target)):
                parts.setdefault(target.attr, set()).add(file)
    return parts, fields


def test_no_part_is_completed_from_outside() -> None:
    parts, fields = _attributes()
    outside = []
    for file, tree in trees().items():
        for target in (target for node in ast.walk(tree) for target in _assigned(node)):
            homes = parts.get(target.attr, set())
            if homes and file not in homes and target.attr not in fields and not _is_own(target):
                outside.append(f"{file} {ast.unparse(target)}")
    assert not set(outside) - set(ALLOWED)
    assert not set(ALLOWED) - set(outside), "it is not assigned there any more"
