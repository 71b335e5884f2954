"""Cancel with the bundled network on a large volume, whenever it comes. In processor time, which other jobs do not
change: on a machine that does nothing else it is the time that passes."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from PatchICLLib import Propagator
from PatchICLLib.errors import Cancelled
from PatchICLLib.propagation import CancelToken

SHAPE = (150, 512, 512)


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipsoid in noise, painted on three slices."""
    k, j, i = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside = ((k - 75) / 70) ** 2 + ((j - 256) / 90) ** 2 + ((i - 256) / 110) ** 2 <= 1
    image = np.random.default_rng(0).integers(-40, 40, SHAPE, np.int16)
    image[inside] += 100
    painted = np.zeros(SHAPE, np.uint8)
    for index in (30, 75, 120):
        painted[index] = inside[index]
    return image, painted


@pytest.fixture
def timer() -> Iterator[list[threading.Timer]]:
    started: list[threading.Timer] = []
    yield started
    for one in started:
        one.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.05, 0.5, 1.5, 3.0, 5.0])
def test_cancel_takes_less_than_a_second(
    case: tuple[np.ndarray, np.ndarray], timer: list[threading.Timer], delay: float
) -> None:
    propagator = Propagator.from_pretrained(device="cpu")
    token = CancelToken()
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.process_time())
        token.cancel()

    timer.append(threading.Timer(delay, cancel))
    timer[0].start()
    with pytest.raises(Cancelled):
        propagator.propagate(*case, spacing=(1.0, 0.8, 0.8), cancel=token, outputs=frozenset({"entropy", "selections"}))
    spent = time.process_time() - asked[0]
    print(f"cancelled after {delay} s: {spent:.2f} s of processor time until the end")
    assert spent < 1.0
