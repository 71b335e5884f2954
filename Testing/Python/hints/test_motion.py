"""Motion between slices against pictures whose motion is known."""

import numpy as np
import pytest
import torch

from PatchICLLib.errors import Cancelled
from PatchICLLib.hints.motion import DemonsSettings, motion_to_painted, noise_deviations, register, warp

SIZE = 48
SPEED = 1.5  # pixels a slice, along the rows


def blobs(shift: float) -> np.ndarray:
    """Smooth blobs moved down by ``shift`` pixels, (SIZE, SIZE), 0 to 1."""
    rows, columns = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    picture = np.zeros((SIZE, SIZE))
    for row, column, width in ((18, 16, 5), (20, 33, 4), (32, 24, 6)):
        picture += np.exp(-((rows - shift - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return picture


def moving(count: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([blobs(SPEED * z) for z in range(count)])).float()


def motion_in(
    images: torch.Tensor, painted: list[int], wanted: list[int], settings: DemonsSettings | None = None
) -> torch.Tensor:
    """Of one run."""
    depth = np.array([len(images)])
    return motion_to_painted(images, depth, np.array(painted), np.array(wanted), settings=settings)


def test_warp_looks_up_where_the_displacement_points() -> None:
    field = torch.arange(64.0).reshape(1, 1, 8, 8)
    displacement = torch.zeros(1, 2, 8, 8)
    displacement[:, 0], displacement[:, 1] = 2 / 8, -1 / 8  # two rows down, one column left
    torch.testing.assert_close(warp(field, displacement)[0, 0, :6, 1:], field[0, 0, 2:, :7])


def test_displacement_of_another_resolution() -> None:
    field = torch.rand(1, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    small = torch.full((1, 2, 8, 8), 1 / 32)
    torch.testing.assert_close(warp(field, small)[..., :-1, :-1], field[..., 1:, 1:])


@pytest.mark.parametrize("shift", [-2.0, 0.0, 3.0])
def test_a_shift_is_found(shift: float) -> None:
    fixed, source = (torch.from_numpy(blobs(s)).float()[None] for s in (shift, 0.0))
    found = register(fixed, source) * SIZE
    seen = blobs(shift) > 0.5  # where there is something to see
    assert np.abs(found[0, 0].numpy()[seen] + shift).mean() < 0.25
    assert np.abs(found[0, 1].numpy()[seen]).mean() < 0.25


def test_drift_along_a_long_chain_is_mended_by_the_painted_slice() -> None:
    """Small steps blur what they carry; the far end must still look like the painted slice, carried there."""
    images = torch.from_numpy(np.stack([blobs(0.4 * z) for z in range(25)])).float()
    found = motion_in(images, [0, 24], [22])
    carried = warp(images[:1, None], found[:, 0])[0, 0]
    still = (images[0] - images[22]).abs().mean()
    assert (carried - images[22]).abs().mean() < 0.03 * still


def test_steps_are_chained_to_the_painted_slices() -> None:
    wanted = [0, 3, 4, 8]
    found = motion_in(moving(9), [1, 7], wanted) * SIZE
    assert found.shape == (4, 2, 2, SIZE, SIZE)
    for row, place in enumerate(wanted):
        seen = blobs(SPEED * place) > 0.5
        for side, start in enumerate((1, 7)):
            if (start < place) == (side == 0) and not (place < 1 and side == 0) and not (place > 7 and side == 1):
                bounding = start if 1 < place < 7 else (1 if place < 1 else 7)
                expected = SPEED * (bounding - place)
                assert np.abs(found[row, side, 0].numpy()[seen] - expected).mean() < 0.6, (place, side)


def test_there_is_no_motion_to_a_painted_slice_that_does_not_exist() -> None:
    found = motion_in(moving(5), [2], [0, 4])
    assert not found[0, 0].any() and found[0, 1].any()  # slice 0 has a painted one after it only
    assert found[1, 0].any() and not found[1, 1].any()


def test_other_wanted_slices_do_not_matter() -> None:
    alone = motion_in(moving(8), [0, 7], [3])
    among = motion_in(moving(8), [0, 7], [1, 3, 6])
    torch.testing.assert_close(alone[0], among[1], atol=1e-5, rtol=0)


def test_no_motion_where_nothing_is_wanted_or_painted() -> None:
    assert motion_in(moving(3), [0], []).shape == (0, 2, 2, SIZE, SIZE)
    assert not motion_in(moving(3), [], [1]).any()


def test_a_still_picture_does_not_move() -> None:
    images = moving(1).expand(6, -1, -1)
    assert motion_in(images, [0, 5], [2, 3]).abs().max() < 1e-6


def test_can_be_stopped() -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        motion_to_painted(moving(4), np.array([4]), np.array([0]), np.array([2]), stop)


def test_deviation_of_noise_on_steadily_changing_slices() -> None:
    generator = torch.Generator().manual_seed(0)
    steady = torch.linspace(0, 1, 40)[:, None, None] * torch.rand(1, 64, 64, generator=generator)
    noisy = steady + 0.07 * torch.randn(steady.shape, generator=generator)
    found = noise_deviations(torch.cat([steady, noisy, noisy[:2]]), np.array([40, 40, 2]))
    assert found[0] < 1e-6
    assert found[1].item() == pytest.approx(0.07, rel=0.03)
    assert 0 < found[2] < 1  # too few to tell


def test_noise_moves_less_the_more_there_is() -> None:
    """Slices of nothing but noise: the motion found between them is small, and smaller than by a fixed belief."""
    images = 0.5 + 0.1 * torch.randn(9, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    wanted = list(range(1, 8))
    fitted = motion_in(images, [0, 8], wanted).square().mean().sqrt()
    trusting = motion_in(images, [0, 8], wanted, DemonsSettings()).square().mean().sqrt()
    assert fitted * SIZE < 0.5
    assert fitted < 0.3 * trusting
