"""A run's frames as text on a terminal: the reply while it streams, and tool calls as they start and end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from journeyman.cli.client.api_client import Frame
from journeyman.cli.reply_ending import ending_note
from journeyman.cli.screen import Screen
from journeyman.cli.table import compact_json

MAX_CHARACTERS = 200  # of a tool's arguments or result


class Transcript:
    """Shows the frames of one run, and keeps its status and its open approvals by id, as its events tell them."""

    def __init__(self, screen: Screen) -> None:
        self.status = "running"
        self.approvals: dict[str, dict[str, Any]] = {}
        self._screen = screen
        self._text = ""  # of the open model call, as shown
        self._open_calls: set[str] = set()
        self._early: list[Frame] = []  # text that overtook the end of a call, which waits for the disk
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "delta": self._delta,
            "snapshot": self._snapshot,
            "progress": self._progress,
            "model_called": lambda _: self._screen.busy("thinking"),
            "model_replied": self._model_replied,
            "model_failed": self._model_failed,
            "history_summarized": self._history_summarized,
            "tool_call_started": self._tool_call_started,
            "tool_call_finished": self._tool_call_finished,
            "approval_requested": self._approval_requested,
            "approval_given": self._approval_given,
            "run_paused": self._run_paused,
            "limit_reached": self._limit_reached,
            "run_resumed": self._run_resumed,
            "run_finished": self._run_finished,
            "run_failed": self._run_failed,
            "run_cancelled": self._run_cancelled,
        }

    def show(self, frame: Frame) -> None:
        """Print one frame. Frames of unknown types, such as those of a later release, are skipped."""
        if self._open_calls and frame.type in ("delta", "snapshot"):
            self._early.append(frame)
            return
        handler = self._handlers.get(frame.type)
        if handler is not None:
            handler(frame.data if frame.seq is None else frame.data["data"])

    # --- Live frames

    def _delta(self, data: dict[str, Any]) -> None:
        if data["offset"] < len(self._text):  # a new attempt, or a reply that was rejoined
            self._replace(self._text[: data["offset"]] + data["text"] if data["offset"] else data["text"])
        else:
            self._text += data["text"]
            self._screen.append(data["text"])

    def _snapshot(self, data: dict[str, Any]) -> None:
        self._replace(data["text"])

    def _replace(self, text: str) -> None:
        self._text = text
        self._screen.replace(text)

    def _progress(self, data: dict[str, Any]) -> None:
        value = data["value"]
        self._screen.note(f"  … {value if isinstance(value, str) else f'{value:.0%}'}")

    # --- Stored events

    def _model_replied(self, data: dict[str, Any]) -> None:
        self._open_calls.clear()
        self._early.clear()
        message = data["message"]
        self._replace("".join(part.get("text", "") for part in message.get("content", ())))
        self._end_reply()
        if note := ending_note(data.get("finish_reason")):
            self._screen.note(note, "yellow")

    def _model_failed(self, data: dict[str, Any]) -> None:
        self._end_reply()
        if data["error"].get("code") != "cancelled":  # the run's end says so
            self._screen.note(f"model: {data['error']['message']}", "yellow")

    def _end_reply(self) -> None:
        self._text = ""
        self._screen.end_reply()

    def _history_summarized(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        text = f"· earlier messages not summarized: {error['message']}" if error else "· earlier messages summarized"
        self._screen.note(text, "dim")

    def _tool_call_started(self, data: dict[str, Any]) -> None:
        self._open_calls.add(data["call"])
        attempt = f" (attempt {data['attempt']})" if data.get("attempt", 1) > 1 else ""
        self._screen.note(f"· {data['tool']}({format_arguments(data['arguments'])}){attempt}")
        self._screen.busy(data["tool"])

    def _tool_call_finished(self, data: dict[str, Any]) -> None:
        error = data.get("error")
        result = error["message"] if error else " ".join((data.get("result") or "").split())
        duration = f"{data.get('duration_ms', 0):.0f} ms"
        files = "".join(f" + {part['file']}" for part in data.get("files", ()))
        self._screen.note(f"  {data['tool']} -> {shorten(result)}{files} ({duration})", "red" if error else "dim")
        self._open_calls.discard(data["call"])
        if not self._open_calls:
            early, self._early = self._early, []
            for frame in early:
                self.show(frame)

    def _approval_requested(self, data: dict[str, Any]) -> None:
        self.approvals[data["approval"]] = {"arguments": {}, "message": "", "tool": "", "decisions": [], **data}

    def _approval_given(self, data: dict[str, Any]) -> None:
        answered = self.approvals.pop(data["approval"], {})
        if answered.get("call"):  # its end follows, also if it does not run
            self._open_calls.add(answered["call"])

    def _run_paused(self, data: dict[str, Any]) -> None:
        self.status = "paused"

    def _limit_reached(self, data: dict[str, Any]) -> None:
        self._screen.note(f"limit reached: {data['limit']} ({data['value']:g})", "yellow")

    def _run_resumed(self, data: dict[str, Any]) -> None:
        self.status = "running"
        if data.get("reason") == "taken_over":
            self._screen.note("The server was restarted, and the run continues.", "yellow")

    def _run_finished(self, data: dict[str, Any]) -> None:
        self.status = "finished"
        self._end_reply()

    def _run_failed(self, data: dict[str, Any]) -> None:
        self.status = "failed"
        self._screen.note(f"failed: {data['error']['message']}", "red")

    def _run_cancelled(self, data: dict[str, Any]) -> None:
        self.status = "cancelled"
        self._screen.note("cancelled", "yellow")


def format_arguments(arguments: dict[str, Any]) -> str:
    """Return arguments as they are written in a call: `order_id="1042", amount=20`."""
    return shorten(", ".join(f"{name}={compact_json(value)}" for name, value in arguments.items()))


def shorten(text: str) -> str:
    """Cut a text to MAX_CHARACTERS."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"
