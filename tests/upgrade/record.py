"""Record what a user of 0.1 has. It runs on the tree of 0.1 alone, and what it wrote is never written again.

    PYTHONPATH=src:.:tests python tests/upgrade/record.py definitions

- `definitions`: the stored form of each agent of `definitions.PINNED`, and the versions.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from upgrade import definitions


async def record_definitions() -> None:
    definitions.STORED.mkdir()
    lines = ["# Content hash of each definition; of agents with a built-in tool it is the release's own.", ""]
    for name in definitions.PINNED:
        with tempfile.TemporaryDirectory() as folder:
            data, version = await definitions.stored(name, Path(folder))
        plain = definitions.without_our_code(data)
        (definitions.STORED / f"{name}.json").write_text(definitions.readable(plain), encoding="utf-8")
        if not definitions.has_our_code(data):
            assert plain == data
            lines.append(f"{name} {version}")
    (definitions.STORED / "versions.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["definitions"]:
            asyncio.run(record_definitions())
        case _:
            sys.exit(__doc__)
