"""Parts cut out of structures."""

import numpy as np
import pytest

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.training.parcels import parcel  # noqa: E402


def ball() -> np.ndarray:
    axes = np.meshgrid(*[np.linspace(-1, 1, 24)] * 3, indexing="ij")
    return sum(a**2 for a in axes) <= 1


@pytest.mark.parametrize("seed", range(10))
def test_a_parcel_is_a_fair_share_of_its_structure_in_one_piece_or_few(seed: int) -> None:
    structure = ball()
    part = parcel(structure, np.random.default_rng(seed))
    assert not (part & ~structure).any()
    assert 0.19 <= part.sum() / structure.sum() <= 0.71
    # a bent cut, not dust: most voxels of the part have neighbours in it on all sides along an axis
    inner = part[1:-1] & part[2:] & part[:-2]
    assert inner.sum() > 0.6 * part.sum()


def test_the_generator_decides_everything() -> None:
    one, same, other = (parcel(ball(), np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
