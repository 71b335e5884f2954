"""A result that is confined to a box, and the box in which a result may be."""

from collections.abc import Callable

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation import Propagator

from ..conftest import Scan

REGION = ((2, 8), (4, 18), (0, 11))


def inside(region: tuple[tuple[int, int], ...], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(first, last + 1) for first, last in region)] = True
    return mask


@pytest.mark.parametrize("stored", ["as it is", "otherwise"])
def test_same_inside_and_nothing_beyond(new_engine: Callable[[], Propagator], scan: Scan, stored: str) -> None:
    image, painted, spacing, region = scan.image, scan.painted, scan.spacing, REGION
    if stored == "otherwise":
        image, painted = (np.transpose(a, (0, 2, 1))[:, ::-1] for a in (image, painted))
        spacing, region = (2.5, 0.8, 1.0), (REGION[0], (28 - 1 - 11, 28 - 1 - 0), REGION[1])
    engine = new_engine()
    whole = engine.propagate(image, painted, spacing, labels=[1])
    part = engine.propagate(image, painted, spacing, labels=[1], region=region)
    within = inside(region, image.shape)
    drawn = painted != 0
    assert (part.labels[~within & ~drawn] == 0).all() and (part.entropy[~within] == 0).all()  # type: ignore[index]
    assert (part.labels[drawn] == painted[drawn]).all()
    between = within.copy()
    between[[index for index in range(14) if index not in (4, 5, 6, 8)]] = False
    assert (part.labels[between] == whole.labels[between]).all() and part.labels[between].any()
    assert (whole.labels[~within & ~drawn] != 0).any(), "else this test shows nothing"
    assert {figure["index"] for figure in part.report["slices"]} <= set(range(2, 9))
    assert part.report["region"] == [list(span) for span in region]


def test_beyond_the_volume(engine: Propagator, scan: Scan) -> None:
    with pytest.raises(InputError, match="begins at [kji] = [0-9]+, beyond the volume, whose [kji] goes from 0 to"):
        engine.propagate(scan.image, scan.painted, scan.spacing, region=((14, 20), (0, 5), (0, 5)))
    with pytest.raises(InputError, match="first and last voxel"):
        engine.propagate(scan.image, scan.painted, scan.spacing, region=((5, 2), (0, 5), (0, 5)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nothing_lies_beyond_the_boxes_of_a_result(engine: Propagator, scan: Scan, axis: int) -> None:
    image, painted = (np.moveaxis(a, 0, axis) for a in (scan.image, scan.painted))
    result = engine.propagate(image, painted, tuple(np.moveaxis(np.array(scan.spacing), 0, 0)), axis=axis)
    assert result.boxes
    for volume in (result.labels, result.probability, result.entropy):
        rest = np.array(volume)
        for box in result.boxes:
            rest[box] = 0
        assert not rest.any() and np.asarray(volume)[result.box].any()
    assert all(0 <= span.start < span.stop <= n for span, n in zip(result.box, image.shape, strict=True))
