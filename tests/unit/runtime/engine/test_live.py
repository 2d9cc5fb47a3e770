from __future__ import annotations

from journeyman.events.codec import Codec
from journeyman.llm.client import TextDelta as ModelDelta
from journeyman.runtime.engine.frames import Delta, Frame, Progress
from journeyman.runtime.engine.live import LiveRun, LiveText, StreamPosition

KEY = "sk-live-0123456789"


def _shown(live: LiveRun, text: LiveText, place: StreamPosition, *pieces: str) -> list[Frame]:
    frames: list[Frame] = []
    for piece in pieces:
        live.extend(text, ModelDelta(piece))
        frames += place.new_frames(live)
    live.finish(text)
    return [*frames, *place.new_frames(live)]


def test_a_secret_that_the_model_says_is_not_shown_wherever_its_text_is_cut() -> None:
    codec = Codec((KEY,))
    for cut in range(1, len(KEY)):
        live, place = LiveRun(lambda: None, codec), StreamPosition(None)
        text = live.begin("m1", 1)
        frames = _shown(live, text, place, f"It is {KEY[:cut]}", KEY[cut:], ", keep it s")
        shown = ""
        for frame in frames:
            assert isinstance(frame, Delta)
            assert frame.offset == len(shown)
            shown += frame.text
            assert KEY[:8] not in shown
        assert shown == "It is [secret], keep it s"


def test_a_secret_that_is_named_later_is_masked_in_the_next_attempt() -> None:
    codec = Codec()
    live, place = LiveRun(lambda: None, codec), StreamPosition(None)
    text = live.begin("m1", 1)
    live.extend(text, ModelDelta("one"))
    codec.learn((KEY,))
    live.extend(text, ModelDelta(KEY, attempt=2))
    assert list(place.new_frames(live)) == [Delta("m1", 2, 0, "[secret]")]


def test_what_a_stopped_reply_keeps_is_what_was_shown() -> None:
    """The text may end within a secret: that part is neither shown nor stored."""
    live = LiveRun(lambda: None, Codec((KEY,)))
    text = live.begin("m1", 1)
    live.extend(text, ModelDelta(f"It is {KEY[:12]}"))
    assert text.text == "It is "


def test_progress_tells_no_secret() -> None:
    live, place = LiveRun(lambda: None, Codec((KEY,))), StreamPosition(None)
    live.report("m1.0", f"with {KEY}")
    live.report("m1.0", 0.5)
    assert list(place.new_frames(live)) == [Progress("m1.0", "with [secret]"), Progress("m1.0", 0.5)]


def test_live_memory_is_bounded() -> None:
    live = LiveRun(lambda: None)
    for number in range(1000):
        live.report("m1.0", number)
    assert len(live.progress) <= 32
    for number in range(100):
        text = live.begin(f"m{number}", 1)
        live.finish(text)
    assert len(live.texts) == 1
