"""Print every module of the package with the first line of its docstring: `make index`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "journeyman"


def index(source: Path = SOURCE) -> Iterator[str]:
    """Return the lines: a heading for each folder, then its modules."""
    for init in sorted(source.rglob("__init__.py"), key=lambda file: file.parent.relative_to(source).parts):
        folder = init.parent
        yield f"\n{folder.relative_to(source.parent)}/: {first_line(init)}"
        for file in sorted(folder.glob("*.py")):
            if file != init:
                yield f"  {file.name:24} {first_line(file)}"


def first_line(file: Path) -> str:
    """Return the first line of the module's docstring. Empty: it has none."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


if __name__ == "__main__":
    print("\n".join(index()).lstrip())
