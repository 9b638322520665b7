import numpy as np
import pytest
from numpy.typing import NDArray

from sdp_serving.client.cli.watcher import Watcher
from sdp_serving.contract.components import Component
from sdp_serving.generation.ask import Progress, Stage
from sdp_serving.generation.errors import ServerTimeoutError


class Surroundings:
    """Decoder, display and clock at once: a step takes one second, a preview as long as is said."""

    def __init__(self, preview_seconds: float, *, shows_pictures: bool = True) -> None:
        self.now = 0.0
        self.shows_pictures = shows_pictures
        self.preview_seconds = preview_seconds
        self.told: list[str] = []
        self.shown_at: list[int] = []
        self.is_broken = False

    def preview(self, progress: Progress) -> NDArray[np.uint8] | None:
        if progress.stage is Stage.ENCODING:
            return None  # There is nothing to see yet.
        self.now += self.preview_seconds
        self.shown_at.append(progress.step)
        if self.is_broken:
            raise ServerTimeoutError(Component.DECODER, "too slow")
        return np.zeros((4, 8, 8, 3), np.uint8)

    def say(self, words: str) -> None:
        self.told.append(words)

    def step(self, words: str, done: int, total: int) -> None:
        self.told.append(f"{words} {done}/{total}")

    def show(self, image: NDArray[np.uint8]) -> None:
        assert image.shape == (16, 16, 3)

    def draw(self, steps: int) -> None:
        watch = Watcher(self, self, clock=lambda: self.now)
        watch(Progress(Stage.ENCODING, 0, steps))
        for step in range(steps + 1):
            watch(Progress(Stage.DENOISING, step, steps))
            self.now += 1
        watch(Progress(Stage.DECODING, steps, steps))


def test_each_stage_and_each_step_is_told() -> None:
    around = Surroundings(0, shows_pictures=False)
    around.draw(2)
    assert around.told == ["encoding", "denoising 0/2", "denoising 1/2", "denoising 2/2", "decoding"]
    assert around.shown_at == []


def test_quick_previews_follow_every_step_but_the_last() -> None:
    around = Surroundings(0.1)
    around.draw(5)
    assert around.shown_at == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seconds", [1, 5])
def test_slow_previews_take_a_fifth_of_the_time_at_most(seconds: int) -> None:
    around = Surroundings(seconds)
    around.draw(100)
    assert len(around.shown_at) >= 4
    assert len(around.shown_at) * seconds <= around.now / 5 + seconds


def test_a_preview_that_fails_is_left_out() -> None:
    around = Surroundings(0.1)
    around.is_broken = True
    around.draw(3)
    assert around.told[-1] == "decoding"
