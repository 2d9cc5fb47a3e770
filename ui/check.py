"""Checks the page's sources, as `make lint` does: types, then style. Needs what `python ui/build.py` installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from build import UI, find_node


def main() -> int:
    """Run the checkers in turn. Returns the exit code of the first that finds something."""
    node = str(find_node())
    for script, *arguments in (
        ("typescript/bin/tsc", "--noEmit", "-p", "."),
        ("@biomejs/biome/bin/biome", "check", "."),
        ("@biomejs/biome/bin/biome", "check", "--config-path=.", "../clients/typescript/src"),
    ):
        done = subprocess.run([node, f"node_modules/{script}", *arguments], cwd=UI, timeout=300, check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
