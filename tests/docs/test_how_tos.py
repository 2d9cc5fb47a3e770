"""Each how-to does what it says: its own commands are run, and their effect is looked at.

A command is found by its beginning, in a snippet or in the text, so what is run is what the page says.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
import yaml

from journeyman.cli.client.follow_run import StreamFollower
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.errors import BaseError, ForbiddenError, UnauthenticatedError
from tests.behaviour.test_cli_server import start
from tests.docs.test_snippets import DOCS, files_of, loose, snippets
from tests.harness.cli_runner import Shell, shell_of, without_our_variables
from tests.harness.mcp_fixtures import PEER

HOW_TO = DOCS / "how-to"
ELSEWHERE = {  # what looks at the effect of the other pages
    "embed-in-an-app": "test_claims",
    "extend-agents": "test_extend_agents",
    "send-pictures": "test_pictures_page",
    "use-an-openai-client": "test_openai_client_page",
}
_INLINE = re.compile(r"`journeyman ([^`\n]+)`")
_SIZE = '''\
from journeyman import ToolContext, tool


@tool(effects="none")
async def size(ctx: ToolContext) -> str:
    """Ask."""
    return "it is " + await ctx.ask("Which size?")
'''
_SCRIPTED = "type: react_agent\nmodel: script:turns.yaml\n"

pytestmark = pytest.mark.long


class Guide:
    """One how-to: its files are in the working directory, and its commands can be run."""

    def __init__(self, name: str, folder: Path, shell: Shell) -> None:
        page = HOW_TO / f"{name}.md"
        self.folder = folder
        self._shell = shell
        shown = "\n".join(loose(page, "sh"))
        in_snippets = re.findall(r"^journeyman (.+)", shown, re.MULTILINE)
        in_text = _INLINE.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))
        self.commands = [shlex.split(line, comments=True) for line in (*in_snippets, *in_text)]
        self.curls = re.findall(r"^curl .+(?:\n .+)*", shown, re.MULTILINE)
        for path, text in files_of(page).items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def run(self, beginning: str, *more: str, **names: str) -> str:
        """Run the page's command that begins so, with names such as RUN filled in. Returns what it prints."""
        wanted = beginning.split()
        found = [each for each in self.commands if each[: len(wanted)] == wanted]
        assert found, f"the page has no command `journeyman {beginning}`"
        code, out = self._shell(*(_filled(word, names) for word in found[0]), *more)
        self.code = code
        return out

    def cli(self, *arguments: str) -> str:
        """Run a command that the page does not name. Returns what it prints."""
        self.code, out = self._shell(*arguments)
        return out

    def started(self, text: str, *more: str) -> dict[str, Any]:
        """Run the agent and return its run, as the HTTP API describes it."""
        run: dict[str, Any] = json.loads(self.cli("run", text, "--json", *more))
        return run


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text


@pytest.fixture
def guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], Guide]]:
    without_our_variables(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with shell_of(capsys) as shell:
        yield lambda name: Guide(name, tmp_path, shell)


class Served(NamedTuple):
    """A server in the working directory."""

    url: str
    ready: str  # the line that it prints when it is ready
    process: subprocess.Popen[str]


@contextmanager
def serving() -> Iterator[Served]:
    """A server in the working directory, stopped at the end."""
    process, ready = start("--port", "0")
    try:
        url = re.search(r"http://\S+", ready)
        assert url, ready
        yield Served(url[0], ready, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def status_of(client: HttpApiClient, method: str, path: str, body: object = None) -> str:
    """Return "ok", or what the server answers in place of it."""
    try:
        client.call(method, path, body)
    except UnauthenticatedError:
        return "unauthenticated"
    except ForbiddenError:
        return "forbidden"
    except BaseError as exc:
        return exc.code
    return "ok"


def test_every_how_to_has_a_test() -> None:
    here = Path(__file__).read_text()
    missing = [page.stem for page in HOW_TO.glob("*.md") if page.stem not in ELSEWHERE and f'"{page.stem}"' not in here]
    assert not missing
    for name, module in ELSEWHERE.items():
        assert f"how-to/{name}.md" in (Path(__file__).parent / f"{module}.py").read_text()


def test_approve_a_call(guide: Callable[[str], Guide]) -> None:
    page = guide("approve-a-call")
    page.write("agent.yaml", (page.folder / "agent.yaml").read_text().replace("offline", "script:turns.yaml"))
    calls = [{"tool_calls": [{"name": "refund", "arguments": {"order_id": "A7", "amount": n}}]} for n in (80, 90, 50)]
    turns = [step for call in calls for step in (call, {"text": "So it is."})]
    page.write("turns.yaml", json.dumps(turns))
    with serving() as server:
        client = HttpApiClient(server.url)

        def asked() -> tuple[str, str]:
            run = client.call("POST", "/process", {"user_input": "Refund it.", "thread_id": "t"})
            assert run["status"] == "paused"
            return run["run_id"], run["approvals"][0]["approval"]

        run_id, approval = asked()
        [curl] = page.curls
        command = _filled(curl, {"RUN": run_id, "APPROVAL": approval}).replace("http://127.0.0.1:8000", server.url)
        subprocess.run(["bash", "-c", command.replace("curl ", "curl -sf ", 1)], check=True, timeout=30)
        assert "refunded 80.0 for A7" in ended(client, run_id)
        run_id, approval = asked()
        page.run("approvals answer APPROVAL approve", APPROVAL=approval)
        assert page.code == 0
        assert "refunded 90.0 for A7" in ended(client, run_id)
        small = client.call("POST", "/process", {"user_input": "Refund it.", "thread_id": "t"})
        assert small["status"] == "finished", "up to 50 it does not ask"


def ended(client: HttpApiClient, run_id: str) -> str:
    """Return the results of the run's tool calls, once it has ended."""
    frames = client.stream("GET", f"/runs/{run_id}/events")
    calls = [frame.data["data"] for frame in frames if frame.type == "tool_call_finished"]
    assert client.call("GET", f"/runs/{run_id}")["status"] == "finished"
    return "\n".join(call.get("result", "") for call in calls)


def test_approve_a_question_and_a_limit(guide: Callable[[str], Guide]) -> None:
    page = guide("approve-a-call")
    limits = next(text for text in loose(HOW_TO / "approve-a-call.md", "yaml") if text.startswith("limits:"))
    page.write("agent.yaml", f"{_SCRIPTED}tools: [size]\n{limits}")
    page.write("tools/size.py", _SIZE)
    call = {"tool_calls": [{"name": "size", "arguments": {}}], "usage": {"cost_usd": 1.5}}
    page.write("turns.yaml", json.dumps([call, {"text": "Done.", "usage": {"cost_usd": 0.6}}, {"text": "Done."}]))
    run = page.started("Which?")
    assert page.code == 6
    limit = next(each for each in run["approvals"] if each["kind"] == "limit")
    page.run("approvals answer APPROVAL approve", "--json", APPROVAL=limit["approval"])
    assert page.code == 6
    [question] = json.loads(page.cli("approvals", "--json"))["items"]
    assert question["message"] == "Which size?"
    page.run("approvals answer APPROVAL done", APPROVAL=question["approval"])
    assert page.code == 0
    assert "it is M" in page.cli("runs", "events", run["run_id"])


def test_build_a_graph(guide: Callable[[str], Guide]) -> None:
    page = guide("build-a-graph")
    page.run("check")
    assert page.code == 0
    assert "draft" in page.run("graph --dry-run")
    run = page.started("Write a letter.")
    assert (run["status"], run["approvals"][0]["message"]) == ("paused", "Send this letter?")
    last = json.loads(page.cli("runs", "show", run["run_id"], "--json"))["last_seq"]
    state = json.loads(page.cli("runs", "show", run["run_id"], "--at", str(last), "--json"))
    assert state["thread_context"]["words"] > 0
    page.cli("approvals", "answer", run["approvals"][0]["approval"], "approve")
    assert page.code == 0


def test_secure_a_server(guide: Callable[[str], Guide], monkeypatch: pytest.MonkeyPatch) -> None:
    page = guide("secure-a-server")
    page.write("agent.yaml", f"{_SCRIPTED}tools: [{{name: calculator, approval: always}}]\n")
    ask = {"tool_calls": [{"name": "calculator", "arguments": {"expression": "6 * 7"}}]}
    page.write("turns.yaml", json.dumps([ask, {"text": "Private."}]))
    old = page.started("Hello", "--thread", "of-local")
    monkeypatch.setenv("AUTH_MODE", "required")

    def made(beginning: str, *more: str, **names: str) -> str:
        found = re.search(r"jm_\S+", page.run(beginning, *more, **names))
        assert found, beginning
        return found[0]

    admin = made("keys create admin")
    with serving() as server:

        def client(key: str | None) -> HttpApiClient:
            return HttpApiClient(server.url, key)

        assert status_of(client(None), "GET", "/threads") == "unauthenticated"
        assert status_of(client(admin), "GET", "/keys") == "ok"
        monkeypatch.setenv("JOURNEYMAN_API_KEY", admin)
        shop, desk, crawler = (made(f"keys create {name}") for name in ("shop", "desk", "crawler"))
        assert status_of(client(shop), "GET", "/keys") == "forbidden"
        run = client(shop).call("POST", "/process", {"user_input": "How much?"})
        assert run["status"] == "paused"

        monkeypatch.setenv("JOURNEYMAN_API_KEY", desk)
        waiting = {item["run_id"]: item["approval"] for item in client(desk).call("GET", "/approvals")["items"]}
        answer = ("approvals", "answer", waiting[run["run_id"]], "approve", "--url", server.url)
        assert "calculator -> 42" in (out := page.cli(*answer))
        assert page.code == 0
        assert "Private." not in out
        assert status_of(client(desk), "GET", f"/runs/{run['run_id']}") == "forbidden"
        assert ended(client(shop), run["run_id"]) == "42"
        assert client(shop).call("GET", f"/runs/{run['run_id']}")["response"] == "Private."

        monkeypatch.setenv("JOURNEYMAN_API_KEY", admin)
        codes = [status_of(client(crawler), "GET", "/threads") for _ in range(21)]
        assert codes == ["ok"] * 20 + ["rate_limited"]
        mine = made("keys create me")
        assert old["run_id"] in [item["run_id"] for item in client(mine).call("GET", "/runs")["items"]]
        ids = {item["name"]: item["id"] for item in client(admin).call("GET", "/keys")["items"]}
        fresh = made("keys rotate", ID=ids["shop"])
        assert [status_of(client(key), "GET", "/threads") for key in (shop, fresh)] == ["ok", "ok"]
        page.run("keys revoke", ID=ids["desk"])
        assert status_of(client(desk), "GET", "/approvals") == "unauthenticated"
        assert "crawler" in page.run("keys list")


def test_secure_a_server_with_tokens(guide: Callable[[str], Guide], monkeypatch: pytest.MonkeyPatch) -> None:
    page = guide("secure-a-server")
    page.write("agent.yaml", "type: react_agent\nmodel: offline\n")
    monkeypatch.setenv("AUTH_MODE", "required")
    shown = dict(re.findall(r"(JWT_\w+)=(\S+)", "".join(loose(HOW_TO / "secure-a-server.md", "sh"))))
    for name in ("JWT_ISSUER", "JWT_AUDIENCE"):
        monkeypatch.setenv(name, shown[name])
    monkeypatch.setenv("JWT_SECRET_KEY", "a-secret-of-at-least-32-characters!")
    token = page.run("token --sub alice").strip().split()[-1]
    with serving() as server:
        client = HttpApiClient(server.url, token)
        assert client.call("POST", "/process", {"user_input": "Hello"})["status"] == "finished"
        assert status_of(client, "GET", "/keys") == "forbidden"


def test_travel_in_time(guide: Callable[[str], Guide]) -> None:
    page = guide("travel-in-time")
    page.write("agent.yaml", "type: react_agent\nmodel: offline\nprompt: Help.\ntools: [calculator]\n")
    run_id = page.started("What is 17 times 23?")["run_id"]
    assert "run_started" in page.run("runs events", RUN=run_id)
    before = json.loads(page.cli("runs", "show", run_id, "--json"))["events"]
    assert json.loads(page.run("runs show", "--json", RUN=run_id))["seq"] == 6
    forks = [each for each in page.commands if each[:2] == ["runs", "fork"]]
    assert len(forks) == 6
    told, prompts = [], []
    for fork in forks:
        made = json.loads(page.cli(*(_filled(word, {"RUN": run_id}) for word in fork), "--json"))
        assert made["run_id"] != run_id
        told.append(page.cli("runs", "events", made["run_id"], "--json"))
        prompts.append(json.loads(page.cli("runs", "show", made["run_id"], "--json"))["version"])
    assert "391" in told[0]
    assert "Where is order 7?" in told[1]
    assert "In German, please." in told[2]
    assert len(set(prompts[:3])) == 1
    assert prompts[3] != prompts[0], "another prompt is another version"
    assert '"vip":true' in told[5]
    assert json.loads(page.cli("runs", "show", run_id, "--json"))["events"] == before, "the old run stays as it is"


def test_turn_a_run_into_a_test(guide: Callable[[str], Guide]) -> None:
    page = guide("turn-a-run-into-a-test")
    run_id = page.started("What is 17 times 23?")["run_id"]
    assert run_id in page.run("runs list")
    page.run("runs export", RUN=run_id)
    assert page.code == 0
    page.run("test tests")
    assert page.code == 0
    assert "<testsuite" in (page.run("test tests --junit"), (page.folder / "results.xml").read_text())[1]
    page.run("runs replay", RUN=run_id)
    assert page.code == 0
    agent = page.folder / "agent.yaml"
    page.write("agent.yaml", agent.read_text() + "prompt: Be brief.\n")
    failed = page.run("test tests")
    assert page.code == 1
    assert "the system prompt of m1 differs" in failed
    page.run("test tests --update")
    page.run("test tests")
    assert page.code == 0


def test_write_a_tool(guide: Callable[[str], Guide]) -> None:
    page = guide("write-a-tool")
    page.run("tools check")
    assert page.code == 0
    assert json.loads(page.run("tools call forecast")) == {"city": "Oslo", "degrees": 21}
    assert "forecast" in page.started("What is the forecast for the city Oslo?")["response"]
    assert "sent to Ann" in page.cli("tools", "call", "send_letter", "--json", '{"to": "Ann", "text": "Hello"}')
    refused = page.cli("tools", "call", "forecast", "--json", '{"city": "Oslo", "unit": "K"}')
    assert "degrees" not in refused


def test_connect_a_gateway(guide: Callable[[str], Guide], monkeypatch: pytest.MonkeyPatch) -> None:
    page = guide("connect-a-gateway")
    [exports] = loose(HOW_TO / "connect-a-gateway.md", "sh")
    settings = dict(re.findall(r"^export (\w+)=(\S+)", exports, re.MULTILINE))
    assert {"fake-llm", "--model", "script:turns.yaml"} <= {word for each in page.commands for word in each}
    command = [sys.executable, "-m", "journeyman", "fake-llm", "--model", "script:turns.yaml", "--port", "0"]
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert gateway.stdout is not None
        address = re.search(r"http://[^\s/]+", gateway.stdout.readline())
        assert address
        for name, value in settings.items():
            monkeypatch.setenv(name, value.replace("http://127.0.0.1:4000", address[0]).replace("…", "key"))
        page.write("agent.yaml", "type: react_agent\n")
        run = page.started("Hello")
        assert run["response"] == "Hello from the script."
        assert address[0].removeprefix("http://") in page.run("doctor --network")
    finally:
        gateway.terminate()
        gateway.wait(timeout=30)


def test_survive_a_crash(guide: Callable[[str], Guide]) -> None:
    page = guide("survive-a-crash")
    tools = page.folder / "tools/payments.py"
    paying = """\
    import asyncio
    from pathlib import Path

    if Path("slow").exists():
        await asyncio.sleep(60)
    return "paid"
"""
    tools.write_text(tools.read_text().replace('    return "paid"\n', paying))
    page.write("slow", "")
    page.write("agent.yaml", f"{_SCRIPTED}tools: [balance, tag, pay]\n")
    pay = {"tool_calls": [{"name": "pay", "arguments": {"account": "a", "amount": 5}}]}
    page.write("turns.yaml", json.dumps([pay, {"text": "It is done."}]))
    with serving() as server:
        frames = HttpApiClient(server.url).stream("POST", "/process", {"user_input": "Pay."})
        run_id = next(frame.data["run_id"] for frame in frames if frame.type == "tool_call_started")
        server.process.kill()
    (page.folder / "slow").unlink()
    with serving() as server:
        assert "1 run resumed" in server.ready
        list(StreamFollower(client := HttpApiClient(server.url)).rejoin(run_id, 0))
        run = client.call("GET", f"/runs/{run_id}")
        [asked] = run["approvals"]
        assert (run["status"], asked["kind"]) == ("paused", "unknown_outcome")
        assert asked["decisions"] == ["retry", "done", "fail"]
        assert "It is done." in page.cli("approvals", "answer", asked["approval"], "retry")
        assert ended(client, run_id) == "paid"


def test_call_an_http_api(guide: Callable[[str], Guide], monkeypatch: pytest.MonkeyPatch) -> None:
    page = guide("call-an-http-api")
    seen: list[tuple[str, str | None, str]] = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            seen.append((f"{self.command} {self.path}", self.headers.get("x-key"), body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"name": "Ada"}')

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None: ...

    crm, sms = (text for text in agent_files("call-an-http-api"))
    auth, *_ = loose(HOW_TO / "call-an-http-api.md", "yaml")
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{api.server_port}"
        monkeypatch.setenv("CRM_KEY", "the-key-of-the-crm")
        page.write("agent.yaml", crm.replace("https://crm.example", address) + f"    {auth}")
        page.run("check")
        assert page.code == 0
        assert "crm__getCustomer" in page.run("tools list")
        assert "Ada" in page.cli("tools", "call", "crm__getCustomer", "--json", '{"id": 7, "fields": ["a", "b"]}')
        assert seen.pop() == ("GET /v1/customers/7?fields=a&fields=b", "the-key-of-the-crm", "")
        assert "the-key-of-the-crm" not in page.cli("runs", "list", "--json")

        page.write("sms.yaml", (page.folder / "sms.yaml").read_text().replace("https://sms.example", address))
        page.write("agent.yaml", sms)
        form = '{"AccountSid": "A1", "body": {"To": "+49", "Body": "Hello"}}'
        page.cli("tools", "call", "sms__POST__Accounts__AccountSid__Messages_json", "--json", form)
        assert page.code == 6, "it asks a human"
        [waiting] = json.loads(page.cli("approvals", "--json"))["items"]
        page.cli("approvals", "answer", waiting["approval"], "approve")
        assert page.code == 0
        assert seen == [("POST /Accounts/A1/Messages.json", None, "To=%2B49&Body=Hello")]
        api.shutdown()


def agent_files(name: str) -> list[str]:
    """Return every snippet of the page that is an agent.yaml."""
    shown = [text for kind, text in snippets(HOW_TO / f"{name}.md") if kind == "yaml"]
    return [text for text in shown if text.startswith("# agent.yaml")]


def test_use_an_mcp_server(guide: Callable[[str], Guide]) -> None:
    page = guide("use-an-mcp-server")
    stdio = next(text for kind, text in snippets(HOW_TO / "use-an-mcp-server.md") if kind == "text")
    agent = yaml.safe_load(stdio)
    assert agent["mcp_servers"]["files"].keys() == {"command", "tools"}
    agent["mcp_servers"]["files"] = {"command": [sys.executable, str(PEER)], "tools": ["echo", "pid"]}
    agent |= {"model": "offline", "tools": [{"name": "files__echo", "effects": "none"}]}
    page.write("agent.yaml", json.dumps(agent))
    with serving() as server:
        client = HttpApiClient(server.url)
        listed = [tool["name"] for tool in client.call("GET", "/tools")["items"]]
        assert {"files__echo", "files__pid"} <= set(listed)
        tools = {tool["name"]: tool["effects"] for tool in client.call("GET", "/agents/agent")["tools"]}
        assert tools == {"files__echo": "none", "files__pid": "once"}
        body = {"tool_name": "files__echo", "arguments": {"text": "over the pipe"}}
        assert "over the pipe" in client.call("POST", "/execute_tool", body)["response"]


def test_watch_a_server(guide: Callable[[str], Guide]) -> None:
    page = guide("watch-a-server")
    page.write("agent.yaml", _SCRIPTED)
    page.write("turns.yaml", json.dumps([{"error": "auth"}, {"text": "Hello", "usage": {"cost_usd": 0.1}}]))
    with serving() as server:
        client = HttpApiClient(server.url)
        body = {"user_input": "Hello", "thread_id": "t"}
        assert status_of(client, "POST", "/process", body) == "gateway_auth"
        run = client.call("POST", "/process", body)
        [target] = yaml.safe_load(loose(HOW_TO / "watch-a-server.md", "yaml")[0])["scrape_configs"][0]["static_configs"]
        assert target["targets"] == ["127.0.0.1:8000"]
        with urlopen(f"{server.url}/metrics") as response:
            metrics = response.read().decode()
        named = set(re.findall(r"journeyman_\w+", (HOW_TO / "watch-a-server.md").read_text()))
        # Only for what is guarded; only once it was measured.
        optional = {"journeyman_breaker_state", "journeyman_event_loop_lag_seconds_sum"}
        assert not [name for name in named - optional if name not in metrics]
        assert 'journeyman_runs_total{agent="agent",status="failed"} 1' in metrics
        [failure] = client.call("GET", "/errors")["items"]
        found = client.call("GET", f"/runs?error_code={failure['code']}")["items"]
        assert [item["status"] for item in found] == ["failed"]
        assert "script:turns.yaml" in page.run("runs trace", RUN=run["run_id"])
        assert "run_finished" in page.run("runs show", RUN=run["run_id"])
