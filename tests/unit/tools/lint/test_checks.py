from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.tools.lint.checks import Linter, LintFinding
from journeyman.tools.lint.rules.catalogue import RULES
from journeyman.tools.spec import StoredTool, ToolSpec

PAGE = (Path(__file__).parents[4] / "docs/reference/tool-checks.md").read_text()


HEAD = "from journeyman import tool, ToolContext\n"


Look = Callable[..., tuple[LintFinding, ...]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def check(code: str, **policy: Any) -> tuple[LintFinding, ...]:
        file = tmp_path / "t.py"
        file.write_text(code)
        return Linter(tmp_path).findings(
            StoredTool(name="t", description="", parameters={}, **policy).spec(), file, None
        )

    return check


def inside(body: str, kind: str = "def") -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"import os, subprocess, time\n{kind} t(x, ctx=None):\n{lines}"


BAD = [
    ("JM101", inside("return eval(x)")),
    ("JM101", inside("e = exec\ne(x)")),
    ("JM101", "import builtins as b\nb.compile('1', '', 'eval')\n"),
    ("JM101", "__builtins__['eval']('1')\n"),
    ("JM102", inside("os.system(x)")),
    ("JM102", "from os import popen as p\np('ls')\n"),
    ("JM102", inside("subprocess.run(x, shell=True)")),
    ("JM102", inside("subprocess.Popen(x, shell=x)")),
    ("JM102", inside("getattr(os, 'system')(x)")),
    ("JM102", "__import__('os').system('ls')\n"),
    ("JM103", inside("subprocess.run(['ls'])")),
    ("JM104", "import pickle\npickle.loads(b'')\n"),
    ("JM104", "from marshal import load\nload(open('x'))\n"),
    ("JM104", "import numpy as np\nnp.load('x', allow_pickle=True)\n"),
    ("JM105", "import yaml\nyaml.load('a')\n"),
    ("JM105", "import yaml\nyaml.load('a', Loader=yaml.Loader)\n"),
    ("JM106", inside("__import__(x)")),
    ("JM106", "import importlib\nimportlib.import_module('a')\n"),
    ("JM106", inside("getattr(os, x)()")),
    ("JM107", inside("return ().__class__.__bases__[0].__subclasses__()")),
    ("JM108", "import ctypes\n"),
    ("JM108", "from ctypes.util import find_library\n"),
    ("JM109", inside("os._exit(1)")),
    ("JM110", "import jinja2\ndef t(x): return jinja2.Template(x).render()\n"),
    ("JM201", "import requests\nrequests.get('https://a.example')\n"),
    ("JM201", "import requests\ns = requests.Session()\ns.post('https://a.example', timeout=None)\n"),
    ("JM201", "from urllib.request import urlopen\nurlopen('https://a.example')\n"),
    ("JM201", "import httpx\nhttpx.AsyncClient(timeout=None)\n"),
    ("JM202", "import socket\nsocket.socket()\n"),
    ("JM205", "import requests\nrequests.get('https://a.example', verify=False, timeout=1)\n"),
    ("JM205", "import ssl\nc = ssl.CERT_NONE\n"),
    ("JM301", "open('x', 'w')\n"),
    ("JM301", "from pathlib import Path\n(Path('a') / 'b').write_text('')\n"),
    ("JM301", "import shutil\nshutil.rmtree('a')\n"),
    ("JM303", inside("os.environ['KEY']")),
    ("JM303", inside("os.getenv(x)")),
    ("JM304", "import tempfile\ntempfile.mktemp()\n"),
    ("JM305", "import tarfile\nwith tarfile.open('a') as t:\n    t.extractall('b')\n"),
    ("JM401", "API_KEY = 'q8Zr2LkP0aXv7TnB'\n"),
    ("JM401", "call(headers={'Authorization': 'Bearer abcdefghijklmnop'})\n"),
    ("JM401", "def t(token='ghp_abcdefghijklmnopqrstuv'): ...\n"),
    ("JM501", inside("time.sleep(1)", "async def")),
    ("JM501", f"import time\ndef slow(): time.sleep(1)\ndef more(): slow()\n{inside('more()', 'async def')}"),
    ("JM501", "import requests\nasync def t(): requests.get('https://a.example', timeout=1)\n"),
    ("JM502", inside("open('x').read()", "async def")),
    ("JM502", "import sqlite3\nasync def t(): sqlite3.connect('x')\n"),
    ("JM503", inside("while True:\n    x += 1", "async def")),
    ("JM504", inside("try:\n    await x\nexcept BaseException:\n    pass", "async def")),
    ("JM601", inside("import not_installed_anywhere")),
]


GOOD = [
    "import ast\nast.literal_eval('1')\n",
    "def compile(x): return x\ncompile('a')\n",
    "class Model:\n    def eval(self): ...\nModel().eval()\n",
    "import yaml\nyaml.load('a', Loader=yaml.SafeLoader)\nyaml.safe_load('a')\n",
    "import re\nre.compile('a')\n",
    "open('x').read()\n",
    "TOKEN_NAME = 'the name of a token'\nkey = 'name'\nAPI_KEY = ''\n",
    "import asyncio, time\nasync def t():\n    await asyncio.to_thread(time.sleep, 1)\n    await asyncio.sleep(1)\n",
    "import asyncio\nasync def t():\n    while True:\n        await asyncio.sleep(1)\n",
    "import time\nasync def t():\n    def inner():\n        time.sleep(1)\n    return inner\n",
    "async def t(x):\n    try:\n        await x\n    except BaseException:\n        raise\n",
    "try:\n    import not_installed_anywhere\nexcept ImportError:\n    pass\n",
    "def t():\n    try:\n        import not_installed_anywhere\n    except ImportError:\n        pass\n",
    "import sys\nif __name__ == '__main__':\n    sys.exit(eval('1'))\n",
    "call(token_url='https://auth.example/Oauth2/Token', api_key_header='X-API-Key')\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import not_installed_anywhere\n",
    "def broken(:\n",
]


@pytest.mark.parametrize(("rule", "code"), BAD)
def test_each_rule_finds_what_it_is_about(rule: str, code: str, look: Look) -> None:
    assert rule in {finding.rule for finding in look(code)}


@pytest.mark.parametrize("code", GOOD)
def test_harmless_code_has_no_findings(code: str, look: Look) -> None:
    assert look(code) == ()


def test_every_rule_is_tried_and_documented() -> None:
    judged = {"JM203", "JM204", "JM302", "JM602"}  # below
    judged |= {"JM701", "JM702"}  # in rules/test_arguments.py
    assert {rule for rule, _ in BAD} | judged == set(RULES)
    assert set(re.findall(r"^### (JM\d{3})", PAGE, re.MULTILINE)) == set(RULES)
    for rule in RULES.values():
        assert re.search(rf"^### {rule.id} .*\({rule.severity}\)$", PAGE, re.MULTILINE), rule.id


NET = "import httpx\nasync def t(x):\n    await httpx.AsyncClient().get(f'https://api.example/{x}', timeout=3)\n"


FILES = "def t():\n    open('data/a', 'w')\n"


@pytest.mark.parametrize(
    ("code", "policy", "rules"),
    [
        (NET, {}, ["JM202"]),
        (NET, {"permissions_network": ("api.example",)}, []),
        (NET, {"permissions_network": ("*.example", "b.example")}, []),
        (NET, {"permissions_network": ("b.example",)}, ["JM204"]),
        (NET, {"permissions_network": ()}, ["JM203"]),
        (f"{HEAD}async def t(ctx: ToolContext):\n    await ctx.http.get('https://a.example/')\n", {}, ["JM202"]),
        (FILES, {}, ["JM301"]),
        (FILES, {"permissions_files": ("data/",)}, []),
        (FILES, {"permissions_files": ("other/",)}, ["JM302"]),
        (FILES, {"permissions_files": ()}, ["JM302"]),
        ("open('data/../x')\n", {"permissions_files": ("data/",)}, ["JM302"]),
        ("import os\nos.environ['KEY']\n", {"permissions_env": ("KEY",)}, []),
        ("import time\nasync def t(): time.sleep(1)\n", {"isolation": "process"}, []),
        (
            f"{HEAD}async def t(ctx: ToolContext): return ctx.context.thread\n",
            {"effects": "none", "cache_ttl": 5.0},
            ["JM602"],
        ),
        (f"{HEAD}async def t(ctx: ToolContext): return ctx.context.thread\n", {}, []),
    ],
)
def test_what_the_tool_declares_decides(code: str, policy: dict[str, Any], rules: list[str], look: Look) -> None:
    assert [finding.rule for finding in look(code, **policy)] == rules


def test_a_comment_allows_a_rule_on_its_line_alone(look: Look) -> None:
    code = "eval('1')  # journeyman: allow JM101\neval('2')  # journeyman: allow JM102, JM103\n"
    assert [(finding.line, finding.allowed) for finding in look(code)] == [(1, True), (2, False)]
    assert not look("x = '# journeyman: allow JM101'; eval(x)\n")[0].allowed


PIECES = [
    "import os\n",
    "eval",
    "(",
    ")",
    "x",
    " = ",
    "'",
    "\n",
    "#journeyman: allow",
    "async def t(): ",
    "\0",
    "f'{",
    "é",
]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_no_text_breaks_the_check(pieces: list[str]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "t.py"
        file.write_bytes("".join(pieces).encode())
        for each in Linter(file.parent).findings(ToolSpec(name="t", description="", parameters={}), file, None):
            assert each.line >= 1
