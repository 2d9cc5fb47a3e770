"""A run's frames as text on a terminal: the reply as it grows, tool calls as they start and end."""

from __future__ import annotations

from typing import Any

from journeyman.cli.client.api_client import Frame
from journeyman.cli.output import CommandOutput, compact, printable

SHOWN = 200  # characters of a tool's arguments or result


class Transcript:
    """Shows frames; remembers how the run ended and which approvals are open."""

    def __init__(self, output: CommandOutput) -> None:
        self.status = "running"
        self.response = ""
        self.error: dict[str, Any] | None = None
        self.stopped_by: str | None = None
        self.approvals: dict[str, dict[str, Any]] = {}
        self._output = output
        self._text = ""  # of the open model call, as shown
        self._column = 0
        self._calls: set[str] = set()  # tool calls without their end
        self._early: list[Frame] = []  # text that came before the end of the calls it follows: ends wait for the disk

    def show(self, frame: Frame) -> None:
        """One frame, in the order of arrival."""
        if self._calls and frame.type in ("delta", "snapshot"):
            self._early.append(frame)
            return
        act = getattr(self, f"_{frame.type}", None)
        if act is not None:
            act(frame.data if frame.seq is None else frame.data["data"])

    def ask(self, approval: dict[str, Any]) -> str:
        """An open approval as a question."""
        call = f" {approval['tool']}({arguments(approval['arguments'])})" if approval["tool"] else ""
        return f"{approval['message']}{call}"

    # --- live frames

    def _delta(self, data: dict[str, Any]) -> None:
        if data["offset"] < len(self._text):  # a new attempt, or a rejoined reply
            self._become(self._text[: data["offset"]] + data["text"] if data["offset"] else data["text"])
        else:
            self._grow(data["text"])

    def _snapshot(self, data: dict[str, Any]) -> None:
        self._become(data["text"])

    def _progress(self, data: dict[str, Any]) -> None:
        value = data["value"]
        self._note(f"  … {value if isinstance(value, str) else f'{value:.0%}'}")

    # --- stored events

    def _model_replied(self, data: dict[str, Any]) -> None:
        self._calls.clear()
        self._early.clear()
        message = data["message"]
        self._become("".join(part.get("text", "") for part in message.get("content", ())))
        self._end_line()
        self._text = ""

    def _model_failed(self, data: dict[str, Any]) -> None:
        self._note(f"model: {data['error']['message']}", "yellow")
        self._text = ""

    def _history_summarized(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        self._note(f"no summary: {error['message']}" if error else "· earlier messages summarized", "dim")

    def _tool_call_started(self, data: dict[str, Any]) -> None:
        self._calls.add(data["call"])
        again = f" (try {data['attempt']})" if data.get("attempt", 1) > 1 else ""
        self._note(f"· {data['tool']}({arguments(data['arguments'])}){again}")

    def _tool_call_finished(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        said = error["message"] if error else " ".join((data.get("result") or "").split())
        self._note(
            f"  {data['tool']} -> {short(said)} ({data.get('duration_ms', 0):.0f} ms)", "red" if error else "dim"
        )

    def _approval_requested(self, data: dict[str, Any]) -> None:
        self.approvals[data["approval"]] = {"arguments": {}, "message": "", "tool": "", "decisions": (), **data}

    def _approval_given(self, data: dict[str, Any]) -> None:
        self.approvals.pop(data["approval"], None)

    def _limit_reached(self, data: dict[str, Any]) -> None:
        self._note(f"limit reached: {data['limit']} ({data['value']:g})", "yellow")

    def _run_paused(self, data: dict[str, Any]) -> None:
        self.status = "paused"

    def _run_resumed(self, data: dict[str, Any]) -> None:
        self.status = "running"
        if data.get("reason") == "taken_over":
            self._note("the server came back; the run goes on", "yellow")

    def _run_finished(self, data: dict[str, Any]) -> None:
        self.status, self.response, self.stopped_by = "finished", data.get("output", ""), data.get("stopped_by")
        self._end_line()

    def _run_failed(self, data: dict[str, Any]) -> None:
        self.status, self.error = "failed", data["error"]
        self._note(f"failed: {data['error']['message']}", "red")

    def _run_cancelled(self, data: dict[str, Any]) -> None:
        self.status = "cancelled"
        self._note("cancelled", "yellow")

    # --- the terminal

    def _grow(self, text: str) -> None:
        self._text += text
        if text:
            self._output.write(printable(text))
            self._column = 0 if text.endswith("\n") else 1

    def _become(self, text: str) -> None:
        """The open reply is this text: print what is new of it, or all of it on a new line."""
        if text.startswith(self._text):
            self._grow(text[len(self._text) :])
            return
        self._end_line()
        self._text = ""
        self._grow(text)

    def _note(self, text: str, colour: str = "dim") -> None:
        self._end_line()
        self._output.write(self._output.paint(text, colour) + "\n")

    def _end_line(self) -> None:
        if self._column:
            self._output.write("\n")
            self._column = 0


def arguments(given: dict[str, Any]) -> str:
    """Arguments as in a call: `order_id="1042", amount=20`."""
    return short(", ".join(f"{name}={compact(value)}" for name, value in given.items()))


def short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
