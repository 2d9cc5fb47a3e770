"""Requirement: every command works in locales whose encoding is not UTF-8, and no file is read in that encoding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

AGENT = """\
name: cafe
type: react_agent
description: "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{SNOWMAN} \N{PARTY POPPER} \N{CJK UNIFIED IDEOGRAPH-4E2D}"
prompt: "Parle fran\N{LATIN SMALL LETTER C WITH CEDILLA}ais \N{RIGHTWARDS ARROW}."
tools: [shout]
"""
TOOL = '''\
from journeyman import tool


@tool(effects="none")
def shout(text: str) -> str:
    """Shout \N{PARTY POPPER}."""
    print("printed \N{PARTY POPPER}")
    return text.upper() + " \N{PARTY POPPER}"
'''
COMMANDS = [
    ("--help",),
    ("agents",),
    ("check",),
    ("schema",),
    ("doctor",),
    ("tools", "list"),
    ("tools", "call", "shout", "--json", '{"text": "\N{LATIN SMALL LETTER E WITH ACUTE}"}'),
    ("run", "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{PARTY POPPER}", "--offline"),
    ("threads", "list"),
    ("runs", "list"),
    ("keys", "list"),
    ("init", "new"),
]
LOCALES = {"gbk": ("GBK", "zh_CN"), "euc-jp": ("EUC-JP", "ja_JP"), "ascii": None}


@pytest.fixture(scope="module", params=LOCALES)
def locale(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a locale with this encoding; it is compiled where the machine has the sources."""
    if LOCALES[request.param] is None:
        return {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    charmap, language = LOCALES[request.param]
    compiler = shutil.which("localedef")
    if compiler is None or not Path(f"/usr/share/i18n/charmaps/{charmap}.gz").exists():
        pytest.skip("this machine cannot compile locales")
    folder = tmp_path_factory.mktemp("locales")
    subprocess.run([compiler, "-c", "-f", charmap, "-i", language, str(folder / f"{language}.{charmap}")], check=False)
    return {"LC_ALL": f"{language}.{charmap}", "LOCPATH": str(folder), "PYTHONUTF8": "0"}


def test_every_command_works_in_it(locale: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT, "utf-8")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "loud.py").write_text(TOOL, "utf-8")
    path = os.pathsep.join(sys.path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONWARNDEFAULTENCODING": "1"}
    asked = subprocess.run(
        [sys.executable, "-c", "import locale; print(locale.getpreferredencoding(False))"],
        env=environment | locale,
        capture_output=True,
        check=True,
    )
    assert b"UTF" not in asked.stdout.upper()
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "journeyman", *map(str.encode, command)],
            cwd=tmp_path,
            env=environment | locale,
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = (done.stdout + done.stderr).decode("ascii", "backslashreplace")
        assert done.returncode == 0, f"{command}: {said}"
        assert "Traceback" not in said
        ours = [line for line in said.splitlines() if "EncodingWarning" in line and "site-packages" not in line]
        assert ours == [], command
    assert (tmp_path / "new" / "agent.yaml").exists()
