"""One-line mutations of how replies are read and sent back. Each must make a row of the matrix fail.

    python -m tests.wires.mutations NUMBER   # plays the matrix with this mutation; exits with 1 if a row fails

The mutated module is compiled from changed text when it is imported, and nothing is written.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType
from typing import Any, NamedTuple

from tests.harness.source_tree import ROOT

GATEWAY = "journeyman.llm.gateway"


class Mutation(NamedTuple):
    """A line of a module, without its indentation, and what stands in its place."""

    module: str
    line: str
    changed: str


_LINES = (
    Mutation(f"{GATEWAY}.deltas", 'if data.strip(b\'"\').upper() == b"[DONE]":', "if False:"),
    Mutation(f"{GATEWAY}.deltas", "if not self.done and not self._reply.ended:", "if False:"),
    Mutation(f"{GATEWAY}.partial_reply", 'if ending == "error":', "if False:"),
    Mutation(f"{GATEWAY}.partial_reply", "if key not in _READ:", "if key not in _READ and value:"),
    Mutation(f"{GATEWAY}.partial_reply", "if not content or len(delta) > 1:", "if not content and len(delta) > 1:"),
    Mutation(
        f"{GATEWAY}.partial_reply", "speaking, calling = self._used()", "speaking, calling = self.first, [self.first]"
    ),
    Mutation(f"{GATEWAY}.partial_reply", "if choice.usage:", "if False:"),
    Mutation(f"{GATEWAY}.partial_reply", "if chunk.x_groq:", "if False:"),
    Mutation(f"{GATEWAY}.partial_calls", "self.id = self.id or piece.id", "self.id = piece.id"),
    Mutation(f"{GATEWAY}.partial_calls", "if piece.id and (call := self._of_id(piece)) is not None:", "if False:"),
    Mutation(f"{GATEWAY}.partial_calls", "self._fields.add_all(piece.fields)", "pass"),
    Mutation(f"{GATEWAY}.partial_calls", 'extra = {**extra, "function": function_fields}', "pass"),
    Mutation(f"{GATEWAY}.partial_text", "self._text(_part_text(part))", "pass"),
    Mutation(
        f"{GATEWAY}.partial_text",
        "self._parts = merged_list(self._parts, parts) if self._parts else parts",
        "self._parts = parts",
    ),
    Mutation(f"{GATEWAY}.opaque_fields", "return old + new if key in _JOINED else new", "return new"),
    Mutation(f"{GATEWAY}.opaque_fields", "texts.append(value)", "texts[:] = [value]"),
    Mutation(f"{GATEWAY}.opaque_fields", "blocks.append(item)", "pass"),
    Mutation(
        f"{GATEWAY}.opaque_fields",
        'return all(_agrees(block.get(key), item.get(key)) for key in ("type", "id"))',
        "return True",
    ),
    Mutation(f"{GATEWAY}.opaque", "if message.owner != owner:", "if True:"),
    Mutation(f"{GATEWAY}.opaque", "extra = _without(extra, refused | OUTPUT_ONLY.keys())", "extra = dict(extra)"),
    Mutation(f"{GATEWAY}.tool_names", "joined = name + piece", "joined = piece"),
    Mutation(f"{GATEWAY}.usage", "json_text.count(cached),", "0,"),
    Mutation(f"{GATEWAY}.wire", 'body = {**message.extra, "role": "assistant"}', 'body = {"role": "assistant"}'),
    Mutation("journeyman.llm.finish_reasons", '"model_length",  # Mistral', ""),
    Mutation("journeyman.llm.finish_reasons", 'case "cut":', 'case "cut" if not calls:'),
    Mutation(f"{GATEWAY}.responses_decoder", "self.done = self.done or self._response.ended", "pass"),
    Mutation(
        f"{GATEWAY}.partial_response", 'if response.get("error") or status in ("failed", "cancelled"):', "if False:"
    ),
    Mutation(f"{GATEWAY}.partial_response", 'usage = self._response.get("usage")', "usage = None"),
    Mutation(f"{GATEWAY}.output_items", 'kept.append({"type": CALL})', "pass"),
    Mutation(
        f"{GATEWAY}.output_items",
        "extra = json_text.storable({key: value for key, value in item.items() if key not in _OF_CALL})",
        "extra = {}",
    ),
    Mutation(
        f"{GATEWAY}.output_items",
        'return {**item, "content": [_without_text(part, texts) for part in content]}',
        "return item",
    ),
    Mutation(f"{GATEWAY}.output_items", 'call_id = item.get("call_id") or item.get("id")', 'call_id = item.get("id")'),
    Mutation(
        f"{GATEWAY}.output_items",
        "return {name: value for name, value in part.items() if name != key}",
        'return {"type": part["type"]}',
    ),
    Mutation(f"{GATEWAY}.output_items", "part = {**part, key: next(texts)}", "part = {**part, key: None}"),
    Mutation(f"{GATEWAY}.partial_items", "streamed.pop(twin[0])", "pass"),
    Mutation(
        f"{GATEWAY}.responses_wire",
        'body: dict[str, JSON] = {"store": False, "include": [REASONING]}',
        "body: dict[str, JSON] = {}",
    ),
)
MUTATIONS = dict(enumerate(_LINES))


def mutated_source(mutation: Mutation) -> str:
    """Return the text of the module with the mutation. Raises ValueError if its line is not there."""
    path = ROOT / "src" / f"{mutation.module.replace('.', '/')}.py"
    lines = path.read_text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip() == mutation.line:
            lines[number] = line.replace(mutation.line, mutation.changed)
            return "".join(lines)
    raise ValueError(f"{path.name} has no line {mutation.line!r}")


class MutatedLoader(SourceFileLoader):
    """A loader of the changed text of a module."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source.encode(), self.path)


class MutatedFinder(MetaPathFinder):
    """A finder of one module, which it loads with a mutation."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self._mutation.module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = MutatedLoader(fullname, spec.origin, mutated_source(self._mutation))
        return spec


if __name__ == "__main__":
    mutation = MUTATIONS[int(sys.argv[1])]
    sys.meta_path.insert(0, MutatedFinder(mutation))
    from tests.wires.matrix import main  # it imports the module that is mutated

    assert sys.modules[mutation.module]
    sys.exit(main(["--check"]))
