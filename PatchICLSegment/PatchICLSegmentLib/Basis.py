"""What a run and its preview are about. Once it is another, nothing may be written from either."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass

import numpy as np
from vtk.util import numpy_support

from .Errors import SceneError
from .Job import Job
from .SceneIO.Lattice import volumeToSegmentation
from .SceneIO.Segments import SegmentBox
from .SceneIO.Volumes import frameOfVolume, gridOfVolume
from .SceneIO.Voxels import Plane, Voxels, noVoxels
from .Translation import _

_SAMPLED_VOXELS = 2**20
_TOLERANCE = 0.01  # of a voxel, at the farthest corner: files round directions and origins


@dataclass(frozen=True)
class Basis:
    """Segments on a volume, as they lay to each other when a run began. Kept with the preview, as text.

    Where both nodes are moved by the same linear transform nothing changes.

    Attributes:
        shape: voxels of the volume along k, j, i.
        ijkToLocal: 4x4 matrix, row by row, from voxel indices to the coordinates of the volume node.
        toSegmentation: 4x4 matrix, row by row, from those to the coordinates of the segmentation node.
        axis: array axis of the slices.
        segments: label, identifier and name of every segment that takes part.
        frame: of a 4D sequence, None for an ordinary volume.
        voxels: checksum of the volume's voxels.
        held: identifier of a segment -> its voxels when the run began, as text; "" where it had none.
        planes: identifier of a segment -> axis and index of its painted slices then.
    """

    shape: tuple[int, int, int]
    ijkToLocal: tuple[float, ...]
    toSegmentation: tuple[float, ...]
    axis: int
    segments: tuple[tuple[int, str, str], ...]
    frame: str | None
    voxels: int
    held: dict[str, str]
    planes: dict[str, list[list[int]]]

    @classmethod
    def of(cls, volumeNode, segmentationNode, job: Job) -> Basis:
        """What a job on these nodes is about.

        Raises:
            SceneError: the volume has no voxels, or one of the nodes is warped.
        """
        grid = gridOfVolume(volumeNode)
        segmentation = segmentationNode.GetSegmentation()
        return cls(
            shape=grid.shape,
            ijkToLocal=tuple(grid.ijkToLocal.ravel().tolist()),
            toSegmentation=tuple(_linearRelation(volumeNode, segmentationNode).ravel().tolist()),
            axis=job.axis,
            segments=tuple(
                (label, segmentId, segmentation.GetSegment(segmentId).GetName())
                for label, segmentId in job.labels.items()
            ),
            frame=frameOfVolume(volumeNode.GetScene(), volumeNode),
            voxels=VoxelChecksum().of(volumeNode),
            held={one.segmentId: _textOf(one.box) for one in job.paintings},
            planes={
                one.segmentId: [[row.axis, row.index] for row in one.slices if row.isWhole] for one in job.paintings
            },
        )

    @classmethod
    def fromText(cls, text: str) -> Basis:
        content = json.loads(text)
        lists = {name: tuple(content[name]) for name in ("shape", "ijkToLocal", "toSegmentation")}
        segments = tuple(tuple(entry) for entry in content["segments"])
        if "slices" in content:  # of an earlier version, which kept less
            del content["slices"]
            content |= {"held": {}, "planes": {}}
        return cls(**{**content, **lists, "segments": segments})

    def toText(self) -> str:
        return json.dumps(asdict(self))

    @property
    def labels(self) -> dict[int, str]:
        return {label: segmentId for label, segmentId, _name in self.segments}

    @property
    def matrix(self) -> np.ndarray:
        """`ijkToLocal` as an array."""
        return np.array(self.ijkToLocal).reshape(4, 4)

    def boxOf(self, segmentId: str) -> SegmentBox | None:
        """What a segment held when the run began; None where that was not noted."""
        text = self.held.get(segmentId)
        if text is None:
            return None
        return Voxels.fromText(text).within(self.shape) if text else noVoxels(self.shape)

    def planesOf(self, segmentId: str) -> set[Plane]:
        return {(axis, index) for axis, index in self.planes.get(segmentId, ())}

    def problem(self, volumeNode, segmentationNode, voxels: int) -> str | None:
        """What has become another, without a full stop; None where everything is as it was.

        Args:
            voxels: checksum of the volume's voxels as they are now.
        """
        names = {"volume": volumeNode.GetName(), "segmentation": segmentationNode.GetName()}
        try:
            grid, relation = gridOfVolume(volumeNode), _linearRelation(volumeNode, segmentationNode)
        except SceneError as error:
            return str(error).rstrip(".")
        if grid.shape != self.shape or self._moves(grid.ijkToLocal, self.matrix):
            return _("Size, spacing or place of the volume {volume} changed").format(**names)
        if self._moves(relation @ self.matrix, np.array(self.toSegmentation).reshape(4, 4) @ self.matrix):
            return _("The volume {volume} and the segmentation {segmentation} were moved against each other").format(
                **names
            )
        frame = frameOfVolume(volumeNode.GetScene(), volumeNode)
        if frame != self.frame:
            return _("The volume {volume} shows frame {now} instead of frame {made}").format(
                **names, now=frame, made=self.frame
            )
        if voxels != self.voxels:
            return _("The voxels of the volume {volume} changed").format(**names)
        return None

    def _moves(self, now: np.ndarray, before: np.ndarray) -> bool:
        """Whether any corner of the volume comes to lie on another voxel."""
        corners = np.array(np.meshgrid(*[(0, count - 1) for count in reversed(self.shape)])).reshape(3, -1)
        indices = np.linalg.solve(before, now @ np.vstack([corners, np.ones(corners.shape[1])]))
        return bool(np.abs(indices[:3] - corners).max() > _TOLERANCE)


def _textOf(box: SegmentBox) -> str:
    voxels = Voxels.of(box)
    return "" if voxels is None else voxels.toText()


class VoxelChecksum:
    """A checksum of a volume's voxels, computed anew only where VTK says that they were changed.

    Of large volumes about a million voxels, evenly spread, are looked at: enough to see another image.
    """

    def __init__(self):
        self._times: tuple = ()
        self._checksum = 0

    def of(self, volumeNode) -> int:
        image = volumeNode.GetImageData()
        scalars = image.GetPointData().GetScalars() if image is not None else None
        if scalars is None:
            return 0
        times = image.GetMTime(), scalars.GetMTime()
        if times != self._times:
            values = numpy_support.vtk_to_numpy(scalars).reshape(-1)
            # An odd step does not stay in one column of a slice.
            sample = values[:: max(1, len(values) // _SAMPLED_VOXELS) | 1]
            self._times, self._checksum = times, zlib.crc32(np.ascontiguousarray(sample).tobytes())
        return self._checksum


def _linearRelation(volumeNode, segmentationNode) -> np.ndarray:
    """Raises:
    SceneError: the segmentation is under a non-linear transform.
    """
    relation = volumeToSegmentation(segmentationNode, volumeNode)
    if relation is None:
        raise SceneError(
            _("The segmentation {name} is warped by a non-linear transform; take it off, or harden it.").format(
                name=segmentationNode.GetName()
            )
        )
    return relation
