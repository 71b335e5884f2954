"""Slices that look painted by a slip of the brush."""

import numpy as np
import pytest
from PatchICLSegmentLib.Parameters import Parameters
from PatchICLSegmentLib.SceneIO.PaintedSlices import Remark

from PatchICLLib.propagation.geometry.painting_review import review_painting

from .conftest import SHAPE


def paintWithStray(workplace, stray=6) -> np.ndarray:
    """Large squares on slices 3, 9 and 14, one voxel on another."""
    mask = np.zeros(SHAPE, bool)
    mask[[3, 9, 14], 6:26, 6:28] = True
    mask[stray, 30, 40] = True
    workplace.write(mask)
    return mask


def testStrayVoxelGivesNoContextAndStays(workplace):
    drawn = paintWithStray(workplace)
    logic = workplace.logic
    assert review_painting(drawn.astype(np.uint8), 0)[1].stray == (6,), "as on the command line"
    rows = {row.index: (row.isContext, row.isStray) for row in logic.painting.slices()}
    assert rows == {3: (True, False), 6: (False, True), 9: (True, False), 14: (True, False)}
    workplace.runToPreview()
    call = workplace.workers[0].calls[0]
    assert call.options["ignore_slices"] == {1: [6]} and call.painted[6].sum() == 1
    logic.applyPreview()
    result = workplace.read()
    assert np.array_equal(result[[3, 9, 14]], drawn[[3, 9, 14]])
    assert result[6, 30, 40] and result[6, 6:26, 6:28].all(), "what is drawn stays, what is missing is filled in"
    assert [row.index for row in logic.painting.slices()] == [3, 9, 14]


@pytest.mark.parametrize("how", ["one", "all"])
def testStraySliceIsOverruled(workplace, how):
    drawn = paintWithStray(workplace)
    logic = workplace.logic
    if how == "one":
        logic.painting.setContext(6, True)
    else:
        logic.parameters = Parameters(useAllSlices=True)
    assert [(row.index, row.isContext) for row in logic.painting.slices()] == [(i, True) for i in (3, 6, 9, 14)]
    workplace.runToPreview()
    assert workplace.workers[0].calls[0].options["ignore_slices"] == {}
    logic.applyPreview()
    assert np.array_equal(workplace.read()[6], drawn[6]), "painted on purpose"
    if how == "one":
        logic.painting.setContext(6, False)
        assert [row.isStray for row in logic.painting.slices()] == [False, True, False, False]


def testSpillOfASphereBrushIsStray(workplace):
    mask = np.zeros(SHAPE, bool)
    j, i = np.ogrid[:40, :48]
    for middle in (4, 13):
        for offset, radius in ((0, 9), (-1, 4), (1, 4)):
            mask[middle + offset] |= (j - 20) ** 2 + (i - 22) ** 2 <= radius**2
    workplace.write(mask)
    rows = workplace.logic.painting.slices()
    assert [row.index for row in rows if row.isContext] == [4, 13]
    assert [row.index for row in rows if row.isStray] == [3, 5, 12, 14]


def testOutlineIsPointedOut(workplace):
    mask = np.zeros(SHAPE, bool)
    mask[[3, 12], 6:30, 6:40] = True
    mask[12, 8:28, 8:38] = False
    workplace.write(mask)
    assert [row.remark for row in workplace.logic.painting.slices()] == [Remark.NONE, Remark.OUTLINE]
    assert all(row.isContext for row in workplace.logic.painting.slices())
