"""The doubles, for tests of agents and tools: a scripted model, a journal in memory, a clock turned by hand."""

from journeyman.clock import ManualClock
from journeyman.egress.transport import FakeTransport
from journeyman.ids import SequentialIds
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.scripted import ScriptedModel

__all__ = ["FakeTransport", "ManualClock", "MemoryJournal", "ScriptedModel", "SequentialIds"]
