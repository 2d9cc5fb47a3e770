"""The picture of the README: a refund that waits for a human while the server is killed, as the terminal showed it.

`python -m tests.harness.terminal_picture docs/images/terminal.svg` runs the commands and draws what they printed.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment

COMMAND = [sys.executable, "-m", "journeyman"]
COLUMNS = 104
WIDTH, LINE, LEFT, TOP = 8.0, 19, 18, 52  # of a character, a line and the margins, in pixels
COMMENT, PROMPT, TEXT = "#8b949e", "#7ee787", "#e6edf3"
CHANGING = re.compile(r"[├└]─|(?:appr|run|thread)_[0-9a-f]+…?|\b[0-9a-f]{32}\b|[\d.]+ m?s\b|[━·]+|\bin \d+, out \d+")


@contextmanager
def terminal() -> Iterator[list[str]]:
    """A copy of the example in an empty folder, and the lines of a session there, as they are typed and printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples/support", folder / "examples/support", ignore=shutil.ignore_patterns("var"))
        port = free_port()
        env = environment(PORT=str(port), NO_COLOR="1", COLUMNS=str(COLUMNS))
        servers: list[Child] = []
        try:
            yield _session(folder, env, port, servers)
        finally:
            for server in servers:
                server.kill_group()


def _session(folder: Path, env: dict[str, str], port: int, servers: list[Child]) -> list[str]:
    lines: list[str] = []

    def serve() -> None:
        server = Child("server", [*COMMAND, "serve", "examples/support"], folder, env, cwd=folder)
        servers.append(server)
        server.wait_http(f"http://127.0.0.1:{port}/readyz", 30)
        ready = server.out.read_text().splitlines()[-1].replace(str(port), "8000")
        lines.extend(["$ journeyman serve examples/support &", ready])

    def run(*arguments: str, shown: str) -> None:
        lines.append(f"$ journeyman {shown}")
        done = subprocess.run([*COMMAND, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
        lines.extend((done.stdout + done.stderr).rstrip("\n").splitlines())

    def stored(key: str, *arguments: str) -> str:
        done = subprocess.run([*COMMAND, *arguments, "--json"], cwd=folder, env=env, capture_output=True, timeout=60)
        return str(json.loads(done.stdout)["items"][0][key])

    serve()
    run("run", "Refund order 1044, amount 120", shown='run "Refund order 1044, amount 120"')
    lines.append("$ kill -9 $(head -1 journeyman.db.lock)     # the power fails while a human is asked")
    os.kill(int((folder / "journeyman.db.lock").read_text().split()[0]), signal.SIGKILL)
    servers[-1].process.wait(10)
    serve()
    approval, run_id = stored("approval", "approvals"), stored("run_id", "runs", "list")
    run("approvals", "answer", approval, "approve", shown=f"approvals answer {approval} approve")
    run("runs", "trace", run_id, shown=f"runs trace {run_id}")
    return [line[: COLUMNS - 1] + "…" if len(line) > COLUMNS else line for line in lines]


def svg(lines: list[str]) -> str:
    """The lines as a picture of a terminal."""
    height = TOP + LINE * len(lines)
    width = round(2 * LEFT + WIDTH * COLUMNS)
    rows = "\n".join(_row(line, TOP + LINE * number) for number, line in enumerate(lines))
    dots = "".join(f'<circle cx="{22 + 20 * i}" cy="20" r="6" fill="{c}"/>' for i, c in enumerate(
        ("#ff5f56", "#ffbd2e", "#27c93f")))  # fmt: skip
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>A refund that waits for a human survives kill -9 of the server</title>
<style>text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}}</style>
<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>{dots}
{rows}
</svg>
"""


def _row(line: str, y: int) -> str:
    """One line, as wide as its characters are in any font."""
    command, comment = line.partition("     #")[::2] if line.startswith("$") else (line, "")
    parts = [(PROMPT if line.startswith("$") else TEXT, command), (COMMENT, f"     #{comment}" if comment else "")]
    spans = "".join(f'<tspan fill="{color}">{html.escape(text)}</tspan>' for color, text in parts if text)
    length = f' textLength="{WIDTH * len(line):g}" lengthAdjust="spacingAndGlyphs"' if line else ""
    return f'<text x="{LEFT}" y="{y}" xml:space="preserve"{length}>{spans}</text>'


def shown_lines(picture: str) -> list[str]:
    """The lines of a picture, with `…` for what is another at each run."""
    rows = re.findall(r"<text .*?>(.*)</text>", picture)
    texts = [CHANGING.sub("…", html.unescape(re.sub(r"<[^>]+>", "", row))) for row in rows]
    return [" ".join(text.split()) for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    with terminal() as lines:
        args.file.write_text(svg(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
