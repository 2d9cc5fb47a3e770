"""The commands of the how-to about pictures work as they stand, against a server in its folder."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.test_snippets import DOCS, files_of, loose
from tests.harness.pictures import png
from tests.harness.real_server import RealServer

PAGE = DOCS / "how-to/send-pictures.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_its_commands_send_and_get_pictures(tmp_path: Path) -> None:
    for name, text in files_of(PAGE).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cat.png").write_bytes(png(4, 4))
    server = RealServer(tmp_path, tmp_path / "agent.yaml", {"TOOLS_PATH": str(tmp_path / "tools")}, preloaded=True)
    try:
        await server.start()
        script = "set -euo pipefail\n" + "\n".join(loose(PAGE, "sh")).replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + server.tail()
        assert '"status":"finished"' in done.stdout
        assert (tmp_path / "bars.png").read_bytes()[16:24] == b"\x00\x00\x00\x03\x00\x00\x00\x64"
    finally:
        await server.close()
