"""kill -9 at system calls spread over a run: nothing acknowledged is lost, nothing committed happens twice.

A run with calls of every kind of effects is driven from outside while strace kills the server at its n-th pwrite64,
fdatasync, write or sendto (counted by thread; the kill comes before the call is carried out). The client asks again
with its Idempotency-Key, the server is started again on the same file, and the run must end as it would have ended,
but for ids, times and attempts. Each environment keeps its database over all its points, so that every earlier run is
looked at again at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness import invariants
from tests.harness.effects_log import AGENT
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.shop_server import TOOL, ShopServer
from tests.harness.strace import SYSCALLS, busiest, killing, required, spread

Point = tuple[str, int]
CLIENTS = 32


def _plan(marker: str) -> str:
    calls = [["look", {"label": f"{marker}-a"}], ["put", {"label": f"{marker}-b"}], ["pay", {"label": f"{marker}-c"}]]
    more = [["crunch", {"label": f"{marker}-d"}], ["pay", {"label": f"{marker}-e"}]]
    return reply_script(marker, calls, more, "All of it is done.")


async def _drive(env: ServerEnvironment, marker: str, text: str) -> str:
    """Start the run, see it to its end whatever happens: its id."""
    body = {"user_input": text, "agent": "worker", "thread_id": f"thread-{marker}"}
    answer = (await env.client.post("/process", body, marker)).must(200, 202)
    await env.settle(answer["run_id"])
    return str(answer["run_id"])


# behind a result that a human wrote, since a kill left the outcome unknown
_NOTE = "\\n\\n[A human said that this call was done, and wrote the result above.]"


async def _transcript(env: ServerEnvironment, marker: str) -> list[object]:
    messages = invariants.transcript(await env.client.messages(f"thread-{marker}"))
    return [str(message).replace(marker, "MARKER").replace(_NOTE, "") for message in messages]


@dataclass
class Outcome:
    """What a sweep found. `hits`: points at which the server died of the injected kill."""

    hits: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def report(self) -> str:
        kills = "; ".join(
            f"{name} {', '.join(str(number) for each, number in sorted(self.hits) if each == name)}"
            for name in sorted({name for name, _ in self.hits})
        )
        return f"{len(self.hits)} kills ({kills}), {len(self.missed)} points not reached {self.missed}"


Drive = Callable[[ServerEnvironment, str], Awaitable[str]]  # starts the run of a marker and sees it to its end


async def _planned(env: ServerEnvironment, marker: str) -> str:
    return await _drive(env, marker, _plan(marker))


@dataclass
class Sweep:
    """An environment that was warmed up (its worker process runs), with the transcript that every run must end with."""

    environment: ServerEnvironment
    reference: list[object]
    counts: dict[str, int]
    drive: Drive = _planned
    outcome: Outcome = field(default_factory=Outcome)

    async def point(self, syscall: str, number: int) -> None:
        marker = f"{syscall}-{number}"
        before = self.environment.server.starts
        await self.environment.tracer.attach(self.environment.server.pid, killing(syscall, number))
        run = await self.drive(self.environment, marker)
        await self._kill_if_alive(before, (syscall, number))
        self.outcome.wrong += [f"{marker}: {text}" for text in await self._check(run, marker)]

    async def crowd(self, syscall: str, number: int) -> None:
        """32 clients write at the moment of the kill."""
        name = f"crowd-{syscall}-{number}"
        before = self.environment.server.starts
        await self.environment.tracer.attach(self.environment.server.pid, killing(syscall, number))
        runs = await self.clients(name)
        await self._kill_if_alive(before, (syscall, number))
        for place, run in enumerate(runs):
            marker = f"{name}-{place}"
            wrong = await self.environment.violations(run, marker)
            self.outcome.wrong += [f"{marker}: {text}" for text in wrong]
        if len(set(runs)) != CLIENTS:
            self.outcome.wrong.append(f"{name}: {len(set(runs))} runs for {CLIENTS} keys")

    async def clients(self, name: str) -> list[str]:
        async def run(place: int) -> str:
            marker = f"{name}-{place}"
            return await _drive(self.environment, marker, reply_script(marker, [["put", {"label": marker}]], "Done."))

        return await asyncio.gather(*(run(place) for place in range(CLIENTS)))

    async def everything_is_there(self) -> None:
        """Every run that was ever answered, each once, over."""
        for key, run in self.environment.client.answered.items():
            status = (await self.environment.client.run(run))["status"]
            if status != "finished":
                self.outcome.wrong.append(f"{key}: answered as {run}, which is {status} at the end")
        runs = set(self.environment.client.answered.values())
        if len(runs) != len(self.environment.client.answered):
            self.outcome.wrong.append(f"{len(self.environment.client.answered)} keys made {len(runs)} runs")
        listed = set(await _run_ids(self.environment))
        if runs != listed:
            self.outcome.wrong.append(f"answered but not listed: {runs - listed}; never answered: {listed - runs}")

    async def _kill_if_alive(self, before: int, point: Point) -> None:
        """Where the point was not reached a kill comes after the end: the run must still be there."""
        if self.environment.server.starts > before:
            self.outcome.hits.append(point)
            return
        self.outcome.missed.append(point)
        await self.environment.server.kill()
        await self.environment.server.start()

    async def _check(self, run: str, marker: str) -> list[str]:
        wrong = await self.environment.violations(run, marker)
        status = (await self.environment.client.run(run))["status"]
        if status != "finished":
            wrong.append(f"it ended {status}")
        transcript = await _transcript(self.environment, marker)
        if transcript != self.reference:
            wrong.append(f"it ended otherwise than without a kill:\n{transcript}\n{self.reference}")
        return wrong


async def _run_ids(env: ServerEnvironment) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = await env.client.get(f"/runs?limit=100{cursor}")
        ids += [item["run_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


@asynccontextmanager
async def sweeping(folder: Path, worker: str = AGENT, drive: Drive = _planned) -> AsyncIterator[Sweep]:
    """An environment, a run to warm it up, and a run under strace that counts."""
    async with server_environment(folder, agents={"worker": worker}) as env:
        await drive(env, "warm")
        reference = await _transcript(env, "warm")
        await env.tracer.attach(env.server.pid, ["-f", "-e", f"trace={','.join(SYSCALLS)}"])
        await drive(env, "count")
        await env.tracer.detach()
        yield Sweep(env, reference, busiest(env.tracer.log), drive=drive)


async def _in_environments(folder: Path, total: int, environments: int = 2, worker: str = AGENT) -> Outcome:
    """Share the points between environments that run at the same time; each counts for itself."""
    async with AsyncExitStack() as stack:
        sweeps = [
            await stack.enter_async_context(sweeping(folder / f"environment-{n}", worker)) for n in range(environments)
        ]
        points = spread(sweeps[0].counts, total)

        async def sweep(each: Sweep, own: Sequence[Point]) -> None:
            for syscall, number in own:
                await each.point(syscall, number)
            await each.everything_is_there()

        await asyncio.gather(*(sweep(each, points[n::environments]) for n, each in enumerate(sweeps)))
        return Outcome(
            [hit for each in sweeps for hit in each.outcome.hits],
            [miss for each in sweeps for miss in each.outcome.missed],
            [text for each in sweeps for text in each.outcome.wrong],
        )


def _judge(outcome: Outcome, points: int) -> None:
    print(outcome.report())
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert len(outcome.hits) >= 0.8 * points, f"too few points were reached: {outcome.report()}"


@pytest.mark.timeout(150)
async def test_a_run_survives_a_kill_at_8_points(tmp_path: Path) -> None:
    required()
    _judge(await _in_environments(tmp_path, 8), 8)


@pytest.mark.long
async def test_a_run_survives_a_kill_at_60_points(tmp_path: Path) -> None:
    required()
    _judge(await _in_environments(tmp_path, 60), 60)


@pytest.mark.alone
@pytest.mark.long
async def test_a_run_that_asks_at_its_limits_survives_a_kill_at_40_points(tmp_path: Path) -> None:
    required()
    ask = "{ask: true, up_to: 9}"
    limits = f"limits: {{steps: 1, tool_calls: 3, on_reached: {{steps: {ask}, tool_calls: {ask}}}}}\n"
    _judge(await _in_environments(tmp_path, 40, worker=AGENT + limits), 40)


@pytest.mark.alone
@pytest.mark.long
async def test_a_run_that_waits_for_an_mcp_server_survives_a_kill_at_20_points(tmp_path: Path) -> None:
    required()
    folder, waited = tmp_path / "environment", 0
    shop = ShopServer(folder)

    async def buy(env: ServerEnvironment, marker: str) -> str:
        """Approve a call while its server is away, see the run wait, and let the server come back."""
        nonlocal waited
        await shop.open(env)
        plan = reply_script(marker, [[TOOL, {"label": f"{marker}-a"}]], [["look", {"label": f"{marker}-b"}]], "Done.")
        body = {"user_input": plan, "agent": "worker", "thread_id": f"thread-{marker}"}
        run_id = str((await env.client.post("/process", body, marker)).must(200, 202)["run_id"])
        asked = await env.client.until(run_id, ("paused",))
        shop.close()
        await env.answer_one(run_id, asked["approvals"][0])
        await env.client.until(run_id, ("paused", "finished"))
        await shop.open(env)
        await env.settle(run_id)
        events = await env.client.events(run_id)
        waited += any(event["type"] == "run_paused" and "lacks" in event["data"] for event in events)
        kinds = [event["data"]["kind"] for event in events if event["type"] == "approval_requested"]
        assert kinds.count("tool") == 1, kinds
        return run_id

    async with sweeping(folder, shop.agent, buy) as sweep:
        points = spread(sweep.counts, 20)
        for syscall, number in points:
            await sweep.point(syscall, number)
        await sweep.everything_is_there()
        _judge(sweep.outcome, len(points))
    print(f"{waited} of {len(points) + 2} runs waited for the server")
    assert waited >= len(points) / 2


async def _crowds(folder: Path, shares: Sequence[float], syscalls: Sequence[str]) -> Outcome:
    async with sweeping(folder) as sweep:
        await sweep.environment.tracer.attach(sweep.environment.server.pid, ["-f", "-e", f"trace={','.join(SYSCALLS)}"])
        await sweep.clients("crowd-count")
        await sweep.environment.tracer.detach()
        counts = busiest(sweep.environment.tracer.log)
        for syscall in syscalls:
            for share in shares:
                await sweep.crowd(syscall, max(1, int(counts[syscall] * share)))
        await sweep.everything_is_there()
        return sweep.outcome


@pytest.mark.timeout(120)
async def test_32_writing_clients_survive_a_kill(tmp_path: Path) -> None:
    required()
    _judge(await _crowds(tmp_path, [0.15], ("pwrite64", "write")), 2)


@pytest.mark.long
async def test_32_writing_clients_survive_a_kill_at_more_points(tmp_path: Path) -> None:
    required()
    _judge(await _crowds(tmp_path, [0.04, 0.1, 0.2, 0.3], ("pwrite64", "fdatasync", "write")), 12)
