"""The painted slices of a segment as a table and in words."""

import numpy as np
import qt

from ..SceneIO.PaintedSlices import Remark
from ..SceneIO.Volumes import AXIS_NAMES, arrayOfVolume, gridOfVolume
from ..Translation import _, counted
from .Thumbnails import thumbnail
from .ThumbnailStrip import Entry

USE, _SLICE, _POSITION, _AREA = range(4)


class PaintedTable:
    """Args: widget: a QTableWidget; logic: whose volume is shown."""

    def __init__(self, widget, logic):
        self.widget, self.logic = widget, logic
        self._thumbnails = {}
        widget.setColumnCount(4)
        widget.setHorizontalHeaderLabels([_("Use"), _("Slice"), _("Position"), _("Area")])
        # Not resized by hand after a refresh: that would take the last column its share of the width.
        widget.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)

    def fill(self, painting, rows) -> list[Entry]:
        """Shows painted slices; returns the same for the strip."""
        self.widget.setRowCount(len(rows))
        isMixed = _isMixed(rows)
        return [self._fillRow(number, row, painting, isMixed) for number, row in enumerate(rows)]

    def _fillRow(self, number: int, row, painting, isMixed: bool) -> Entry:
        grid = gridOfVolume(self.logic.volumeNode)
        use = qt.QTableWidgetItem()
        use.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        use.setCheckState(qt.Qt.Checked if row.isContext else qt.Qt.Unchecked)
        if row.isStray:
            use.setToolTip(_("Hardly anything is painted here, so the slice is no context and is filled. Tick: it is."))
        elif not row.isWhole:
            use.setToolTip(_("Ticked: what was corrected here counts. It is kept as you left it either way."))
        else:
            use.setToolTip(_("Ticked: the slice serves as context. It is kept as you drew it either way."))
        place = grid.position(row.axis, row.index)
        area = row.area * np.prod([step for axis, step in enumerate(grid.spacing) if axis != row.axis])
        name = _name(row.plane, isMixed)
        position = f"{place} mm"
        drawn = _drawn(row, area)
        self.widget.setItem(number, USE, use)
        for column, text in {_SLICE: name, _POSITION: position, _AREA: drawn}.items():
            self.widget.setItem(number, column, _readOnly(text))
        return Entry(
            plane=row.plane,
            picture=self._thumbnail(painting, row, grid),
            text=_("empty") if row.declaredEmpty else place,
            toolTip=_("Slice {index}, {position}: {drawn}").format(index=name, position=position, drawn=drawn),
            isPale=not row.isContext,
        )

    def _thumbnail(self, painting, row, grid):
        plane = painting.box.plane(row.axis, row.index)
        key = (self.logic.volumeNode.GetID(), row.plane, hash(plane.tobytes()))
        if key not in self._thumbnails:
            if len(self._thumbnails) > 200:
                self._thumbnails.clear()
            volume = arrayOfVolume(self.logic.volumeNode)
            display = self.logic.volumeNode.GetScalarVolumeDisplayNode()
            if display is not None:
                window = display.GetWindowLevelMin(), display.GetWindowLevelMax()
            else:
                window = np.percentile(np.take(volume, row.index, axis=row.axis), (1, 99))
            self._thumbnails[key] = thumbnail(volume, painting.box, row, grid, window)
        return self._thumbnails[key]


def summary(painting) -> str:
    """What is painted, in one sentence."""
    if painting is None:
        return _("Select a volume, then add a segment and paint it on two to five slices.")
    if not painting.slices:
        return _("{name}: paint it on two to five slices, in any direction of the volume.").format(name=painting.name)
    isMixed = _isMixed(painting.slices)
    stray, corrected = painting.strays, [row for row in painting.slices if not row.isWhole]
    count = len(painting.slices) - len(stray) - len(corrected)
    axes = sorted({row.axis for row in painting.slices if row.isWhole and not row.isStray} or {painting.axis})
    parts = [
        counted(
            count, _("{name}: 1 painted slice along {axis}"), _("{name}: {count} painted slices along {axis}")
        ).format(name=painting.name, count=count, axis=", ".join(AXIS_NAMES[axis] for axis in axes))
    ]
    if corrected:
        parts.append(counted(len(corrected), _("1 corrected"), _("{count} corrected")).format(count=len(corrected)))
    if stray:
        ignored = counted(
            len(stray),
            _("slice {slices} is ignored, see the table"),
            _("slices {slices} are ignored, see the table"),
        ).format(slices=", ".join(_name(row.plane, isMixed) for row in stray))
        parts.append(ignored)
    for one, other in painting.drawing.contradictions:
        parts.append(
            _("slices {one} and {other} do not fit each other where they cross").format(
                one=_name(one, isMixed), other=_name(other, isMixed)
            )
        )
    return "; ".join(parts)


def _isMixed(rows) -> bool:
    return len({row.axis for row in rows}) > 1


def _name(plane: tuple[int, int], isMixed: bool) -> str:
    """With its axis, in the letters of the command line, where slices of several axes are painted."""
    axis, index = plane
    return f"{AXIS_NAMES[axis]}={index}" if isMixed else str(index)


def _drawn(row, area: float) -> str:
    """What is on a slice, in a few words; `area` in mm²."""
    if row.declaredEmpty:
        return _("not here")
    if row.isStray:
        return _("ignored: a stray voxel") if row.area == 1 else _("ignored: a slip of the brush")
    texts = {
        Remark.NONE: _("{area:.0f} mm²"),
        Remark.DOUBTFUL: _("{area:.0f} mm², hardly painted"),
        Remark.OUTLINE: _("{area:.0f} mm², an outline: fill it"),
        Remark.SCRIBBLE: _("{area:.0f} mm², a scribble: paint all of it"),
        Remark.CORRECTED: _("corrected"),
    }
    return texts[row.remark].format(area=area)


def _readOnly(text: str):
    item = qt.QTableWidgetItem(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item
