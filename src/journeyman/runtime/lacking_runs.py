"""Starts the runs that waited for what this process lacked, once it is here.

While it waits, a run has no task and no timer. The runs are found by an index of the journal: at the start, after a
reload, and when a gateway or the MCP server of a tool is here again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from journeyman.agents.spec import NewerDefinitionError
from journeyman.clock import Timer
from journeyman.errors import BaseError
from journeyman.events.codec import Draft
from journeyman.events.events import Lack, RunPaused
from journeyman.events.fold import AgentState, replace
from journeyman.journal.journal import RunRow
from journeyman.runtime.engine.run_parts import RunParts
from journeyman.runtime.engine.scheduler import RunScheduler
from journeyman.runtime.served.lacks import LackingError, lack_of_row, sentence_of

log = logging.getLogger(__name__)

PROBE_SECONDS = 1.0  # between two looks whether a gateway is here
LONGEST_SECONDS = 60.0  # between two starts of runs whose gateway or server answers and fails their calls
AT_ONCE = 500  # rows read at a time
FIRST_RATE = 20.0  # runs a second that go on once their gateway is here; doubled each second
_TICK = 0.1

IsHere = Callable[[str], Awaitable[bool]]  # given the name of a gateway


class LackingRuns:
    """Looks whether what runs wait for is here, and starts those runs.

    `is_here` asks a gateway. `patience` is the longest wait for a gateway in seconds, after which its runs go on and
    fail; None: without an end.
    """

    def __init__(
        self,
        parts: RunParts,
        scheduler: RunScheduler,
        is_here: IsHere | None,
        patience: float | None = None,
        first_rate: float = FIRST_RATE,
    ) -> None:
        """`is_here`: None: each gateway is."""
        self._journal = parts.journal
        self._versions = parts.agents
        self._scheduler = scheduler
        self._clock = parts.clock
        self._is_here = is_here
        self._patience = patience
        self._first_rate = first_rate
        self._awaited: dict[Lack, float] = {}  # gateways and tools of servers -> monotonic time of the next look
        self._waiting: dict[str, Lack] = {}  # what each run that waits lacks
        self._delays: dict[Lack, tuple[float, float]] = {}  # when the runs were started last, and the delay
        self._timer: Timer | None = None
        self._look: asyncio.Task[None] | None = None
        self._again = False
        self._closed = False

    # --- what runs wait for

    def counts(self) -> Counter[Lack]:
        """Return how many runs wait, by what they lack."""
        return Counter(self._waiting.values())

    def counts_by_kind(self) -> dict[str, int]:
        """Return how many runs wait, by the kind of what they lack."""
        found: Counter[str] = Counter(lack.kind for lack in self._waiting.values())
        return dict(found)

    async def unserved(self, rows: Iterable[RunRow]) -> list[str]:
        """Return a sentence for each agent whose open runs cannot go on in this process."""
        groups = Counter((row.agent or "", row.version) for row in rows)
        found: Counter[tuple[str, Lack]] = Counter()
        for (agent, version), count in groups.items():
            lack = await self._lack_of(agent, version)
            if lack is not None:
                found[agent, lack] += count
        return [self._sentence(agent, lack, count) for (agent, lack), count in found.items()]

    async def _lack_of(self, agent: str, version: str | None) -> Lack | None:
        """Return what runs of this version lack here, or None. Lone calls are looked at when they go on."""
        if version is None:
            return None
        try:
            await self._versions.of_version(agent, version)
        except LackingError as exc:
            return exc.lack
        except NewerDefinitionError:
            return Lack("release")
        except BaseError:  # the run fails when it is driven
            return None
        return None

    def _sentence(self, agent: str, lack: Lack, count: int) -> str:
        runs = f"The journal has {count} open run{'s' if count > 1 else ''} of agent {agent!r}"
        if lack.kind == "release":
            return f"{runs}, whose definition this release cannot read: start the one that wrote it."
        if not self._versions.serves(agent):
            return f"{runs}, which is not here: start with its folder; `serve --strict` refuses."
        return f"{runs}. {sentence_of(lack)}"

    # --- news

    def look(self) -> None:
        """Look for all runs that lack something, soon: at the start and after a reload."""
        self._again = True
        self._start()

    def observe(self, run: AgentState, drafts: Sequence[Draft]) -> None:
        """Note what a run waits for from now on, or that it waits no longer."""
        if run.lacks is None or run.ended:
            self._waiting.pop(run.run_id, None)
            return
        for draft in drafts:
            event = draft.event
            if type(event) is RunPaused and event.lacks is not None:
                lack = self._waiting[run.run_id] = replace(event.lacks, billed=False)
                log.warning("run %s waits. %s", run.run_id, sentence_of(event.lacks), extra=_facts(run))
                if self._is_asked_for(lack):
                    self._note(lack)

    async def aclose(self) -> None:
        """Stop the timer and a look in progress."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    def _is_asked_for(self, lack: Lack) -> bool:
        """Return whether it may come back by itself, so that it is looked for again and again."""
        return lack.kind == "gateway" or (lack.kind == "tool" and self._versions.is_remote(lack.name))

    def _note(self, lack: Lack) -> None:
        now = self._clock.monotonic()
        if lack not in self._awaited:
            started, delay = self._delays.pop(lack, (-math.inf, 0.0))
            if now - started < LONGEST_SECONDS + delay:  # it answers, and fails the calls
                delay = min(LONGEST_SECONDS, max(PROBE_SECONDS, 2 * delay))
                self._delays[lack] = (now, delay)
            else:
                delay = 0.0
            self._awaited[lack] = now + max(PROBE_SECONDS, delay)
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._awaited and not self._closed:
            self._timer = self._clock.call_later(PROBE_SECONDS, self._due)

    def _due(self) -> None:
        self._timer = None
        self._start()

    def _start(self) -> None:
        if self._look is None and not self._closed:
            self._look = asyncio.create_task(self._run(), name="lacking runs")

    # --- looking

    async def _run(self) -> None:
        """Look once, and again if that was asked for meanwhile. This is the root of a task."""
        try:
            await self._look_once()
        except BaseError as exc:
            log.error("runs that wait cannot be looked for: %s", exc.message, extra={"code": exc.code})
        except Exception:
            log.exception("a look for runs that wait failed")
        finally:
            self._look = None
        if self._again:
            self._start()
        else:
            self._arm()

    async def _look_once(self) -> None:
        everything, self._again = self._again, False
        if everything:
            await self._note_all()
        here = {lack for lack in list(self._awaited) if await self._may_start(lack)}
        if not everything and not here and self._patience is None:
            return
        now = self._clock.monotonic()
        for lack in here:  # first, since a run that goes on may wait for the same again at once
            del self._awaited[lack]
            self._delays[lack] = (now, self._delays.get(lack, (0.0, 0.0))[1])
        try:
            await self._start_found(here, everything)
        except BaseError:
            self._awaited |= dict.fromkeys(here - self._awaited.keys(), now)
            raise

    async def _note_all(self) -> None:
        """Note what stored runs wait for."""
        now = self._clock.monotonic()
        async for row in self._rows():
            lack = self._waiting[row.id] = lack_of_row(row.lacks or "")
            if self._is_asked_for(lack):
                self._awaited.setdefault(lack, now)

    async def _may_start(self, lack: Lack) -> bool:
        if self._awaited[lack] > self._clock.monotonic():
            return False
        if lack.kind == "tool":
            return not self._versions.is_away(lack.name)
        return self._is_here is None or await self._is_here(lack.name)

    async def _start_found(self, here: set[Lack], everything: bool) -> None:
        """Start the runs that have what they lacked.

        Runs of a gateway, and of an MCP server, go on one after the other, more each second.
        """
        found: dict[tuple[str | None, ...], bool] = {}
        began, started = self._clock.monotonic(), 0
        async for row in self._rows():
            lack = lack_of_row(row.lacks or "")
            if self._is_asked_for(lack):
                if lack not in here and not await self._is_overdue(row, lack):
                    continue
                while started >= allowed_by(self._clock.monotonic() - began, self._first_rate):
                    await self._clock.sleep(_TICK)
                started += 1
                self._scheduler.notify(row.id)
            elif everything and await self._is_found(row, found):
                self._scheduler.start(row.id, recovered=lack.kind == "release")

    async def _rows(self) -> AsyncIterator[RunRow]:
        """Yield the runs that lack something, oldest first."""
        after = 0
        while rows := await self._journal.lacking(after, AT_ONCE):
            for row in rows:
                yield row
            after = rows[-1].accepted_no

    async def _is_found(self, row: RunRow, found: dict[tuple[str | None, ...], bool]) -> bool:
        """Return whether the agent, tool, code or release that the run lacks is here. `found` keeps what is known."""
        key = (row.lacks, row.agent, row.version)
        if key not in found:
            found[key] = await self._find(row)
        return found[key]

    async def _find(self, row: RunRow) -> bool:
        lack = lack_of_row(row.lacks or "")
        if lack.kind == "operator":
            return False
        if row.version is None:  # a lone tool call
            return self._versions.lack_of_tool(row.agent or "", lack.name) is None
        try:
            await self._versions.of_version(row.agent or "", row.version)
        except (LackingError, NewerDefinitionError):
            return False
        return True

    async def _is_overdue(self, row: RunRow, lack: Lack) -> bool:
        """Return whether the run has waited for its gateway for as long as it may."""
        if self._patience is None or lack.kind != "gateway":
            return False
        last = await self._journal.read(row.id, row.last_seq - 1, 1)
        return bool(last) and self._clock.now() - last[0].at >= self._patience * 1_000_000


def allowed_by(seconds: float, first: float = FIRST_RATE) -> float:
    """Return how many runs may have gone on, so many seconds after the first, if `first` do in the first second."""
    whole = min(int(seconds), 32)
    done = first * (2.0**whole - 1)
    return 1 + done + first * 2.0**whole * (seconds - whole)


def _facts(run: AgentState) -> dict[str, object]:
    return {"run_id": run.run_id, "thread_id": run.thread_id, "agent": run.agent}
