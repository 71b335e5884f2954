"""`.seg.nrrd`, written and read by Slicer's own storage node: names, colors, tags, layers and places survive."""

from pathlib import Path

import nrrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, read_scalar_image
from PatchICLLib.segmentations.segmentation import Segment, Segmentation
from PatchICLLib.segmentations.slicer_file import read_slicer_file, write_slicer_file

SHAPE = (6, 20, 24)
BESIDE = "groß: neben | 旁"
TERMINOLOGY = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~"
    "SCT^10200004^Liver~^^~Anatomic codes - DICOM master list~^^~^^"
)


def masks() -> dict[str, np.ndarray]:
    """An organ, a lesion inside, and a structure beside."""
    found = {name: np.zeros(SHAPE, np.uint8) for name in ("organ", "lesion", BESIDE, "nothing")}
    found["organ"][1:4, 4:12, 4:14] = 1
    found["lesion"][2, 6:9, 6:9] = 1
    found[BESIDE][2:5, 14:16, 6:9] = 1
    return found


class SlicerFiles:
    """Slicer's scene with a volume and a segmentation, and its own reader and writer."""

    def __init__(self, folder: Path):
        slicer = pytest.importorskip("slicer", reason="needs slicer-core")
        from Testing.StandIn.Headless import HeadlessSlicer

        self.slicer, self.folder = slicer, folder
        self.application = HeadlessSlicer()
        self.scene = self.application.scene
        angle = np.deg2rad(12)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        matrix = np.eye(4)
        matrix[:3, :3] = turn @ np.diag([-0.8, -0.9, 3.0])
        matrix[:3, 3] = [10, 20, -5]
        image = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32)
        self.volume = slicer.util.addVolumeFromArray(image, matrix, "ct")
        storage = self.scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
        storage.SetFileName(str(folder / "ct.nrrd"))
        assert storage.WriteData(self.volume)

    def segmentation(self, contents: dict[str, np.ndarray]):
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for number, (name, mask) in enumerate(contents.items()):
            color = (0.1 * number, 0.5, 1 - 0.1 * number)
            identifier = node.GetSegmentation().AddEmptySegment(f"id-{number}", name, color)
            segment = node.GetSegmentation().GetSegment(identifier)
            segment.SetTag("TerminologyEntry", TERMINOLOGY)
            segment.SetTag("Segmentation.Status", "inprogress")
            if mask.any():
                self.slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, identifier, self.volume)
        node.GetSegmentation().CollapseBinaryLabelmaps(False)
        return node

    def save(self, node, name: str = "seg.seg.nrrd", crop: bool = False) -> Path:
        storage = self.scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetCropToMinimumExtent(crop)
        storage.SetFileName(str(self.folder / name))
        assert storage.WriteData(node)
        return self.folder / name

    def load(self, path: Path):
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        storage = self.scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetFileName(str(path))
        assert storage.ReadData(node)
        return node

    def contents(self, node) -> dict[str, tuple]:
        """Of each segment: identifier, color, tags and voxels on the volume's grid."""
        import vtk

        found = {}
        for identifier in node.GetSegmentation().GetSegmentIDs():
            segment = node.GetSegmentation().GetSegment(identifier)
            tags = []
            for name in ("TerminologyEntry", "Segmentation.Status"):
                value = vtk.mutable("")
                segment.GetTag(name, value)
                tags.append(str(value))
            array = self.slicer.util.arrayFromSegmentBinaryLabelmap(node, identifier, self.volume)
            voxels = np.zeros(SHAPE, bool) if array is None else array > 0
            color = tuple(round(part, 5) for part in segment.GetColor())
            found[segment.GetName()] = (identifier, color, tuple(tags), voxels)
        return found


@pytest.fixture
def slicer_files(tmp_path):
    files = SlicerFiles(tmp_path)
    yield files
    files.application.close()


def image_of(files: SlicerFiles) -> Volume:
    return read_scalar_image(files.folder / "ct.nrrd")


def voxels_of(segmentation: Segmentation, name: str) -> np.ndarray:
    (label,) = segmentation.labels([name])
    hit = segmentation.array == label
    return hit.any(axis=0) if hit.ndim == 4 else hit


@pytest.mark.parametrize("crop", [False, True], ids=["whole", "cropped"])
def test_what_slicer_wrote_is_read(slicer_files, crop):
    path = slicer_files.save(slicer_files.segmentation(masks()), crop=crop)
    read = read_slicer_file(path, image_of(slicer_files))
    assert [segment.name for segment in read.segments] == list(masks())
    assert [segment.label for segment in read.segments] == [1, 2, 3, 4]
    assert read.array.shape == (2, *SHAPE), "organ and lesion overlap, the others fit beside them"
    for name, mask in masks().items():
        assert (voxels_of(read, name) == mask).all(), name
    assert read.segments[0].tags == {"TerminologyEntry": TERMINOLOGY, "Segmentation.Status": "inprogress"}
    assert read.segments[2].color == pytest.approx((0.2, 0.5, 0.8))


@pytest.mark.parametrize("crop", [False, True], ids=["whole", "cropped"])
def test_slicer_gets_back_every_segment_as_it_was(slicer_files, crop, tmp_path):
    node = slicer_files.segmentation(masks())
    before = slicer_files.contents(node)
    image = image_of(slicer_files)
    read = read_slicer_file(slicer_files.save(node, crop=crop), image)
    out = tmp_path / "out.seg.nrrd"
    write_slicer_file(out, read, image)
    after = slicer_files.contents(slicer_files.load(out))
    assert list(after) == list(before)
    for name, (identifier, color, tags, voxels) in before.items():
        assert after[name][:3] == (identifier, color, tags)
        assert (after[name][3] == voxels).all(), name


def test_filled_slices_reach_slicer(slicer_files, tmp_path):
    image = image_of(slicer_files)
    read = read_slicer_file(slicer_files.save(slicer_files.segmentation(masks())), image)
    grown = read.array.copy()
    (organ,) = read.labels(["organ"])
    layer = int(np.flatnonzero((grown == organ).any(axis=(1, 2, 3)))[0])
    grown[layer, 0, 4:12, 4:14] = organ
    write_slicer_file(tmp_path / "out.seg.nrrd", Segmentation(grown, read.segments, read.header), image)
    after = slicer_files.contents(slicer_files.load(tmp_path / "out.seg.nrrd"))
    expected = masks()["organ"].astype(bool)
    expected[0, 4:12, 4:14] = True
    assert (after["organ"][3] == expected).all()
    assert (after["lesion"][3] == masks()["lesion"]).all()


def test_layers_may_repeat_label_values(slicer_files):
    """As Slicer itself writes them: the lesion's layer starts anew with 1."""
    path = slicer_files.save(slicer_files.segmentation(masks()))
    header = nrrd.read_header(str(path))
    assert header["Segment0_LabelValue"] == header["Segment1_LabelValue"] == "1"
    read = read_slicer_file(path, image_of(slicer_files))
    assert len(set(read.labels(["organ", "lesion", BESIDE]))) == 3


def test_a_segmentation_without_names_gets_some(slicer_files, tmp_path):
    image = image_of(slicer_files)
    plain = np.zeros(SHAPE, np.uint8)
    plain[2, 3:6, 3:6], plain[4, 3:6, 3:6] = 2, 7
    write_slicer_file(tmp_path / "plain.seg.nrrd", Segmentation(plain), image)
    after = slicer_files.contents(slicer_files.load(tmp_path / "plain.seg.nrrd"))
    assert {name: int(entry[3].sum()) for name, entry in after.items()} == {"Segment_2": 9, "Segment_7": 9}


def volume(shape=SHAPE) -> Volume:
    array = np.zeros(shape, np.float32)
    return Volume(array, (3.0, 0.9, 0.8), (1.0, 2.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1), Path("ct.nrrd"), "float")


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 19), st.integers(0, 23), st.integers(1, 5)), max_size=12),
    st.permutations([0, 1, 2]),
    st.tuples(*[st.booleans()] * 3),
    st.booleans(),
)
@settings(max_examples=40)
def test_any_order_and_direction_of_axes_and_any_crop_is_read(tmp_path_factory, spots, order, flips, crop):
    """An independent writer: the file's axes permuted and reversed, cropped to what is painted."""
    image = volume()
    array = np.zeros(SHAPE, np.uint8)
    for k, j, i, label in spots:
        array[k, j, i] = label
    data, steps, origin = array.T, image.grid.steps, np.array(image.origin)
    if crop and array.any():
        lows = [np.flatnonzero(data.any(axis=tuple(a for a in range(3) if a != axis)))[[0, -1]] for axis in range(3)]
        data = data[tuple(slice(low, high + 1) for low, high in lows)]
        origin = origin + steps @ np.array([low for low, _ in lows])
    data, steps = data.transpose(order), steps[:, order]
    for axis, flip in enumerate(flips):
        if flip:
            origin = origin + steps[:, axis] * (data.shape[axis] - 1)
            steps = steps * np.where(np.arange(3) == axis, -1, 1)
            data = np.flip(data, axis)
    header = {"space": "left-posterior-superior", "space directions": steps.T, "space origin": origin}
    for label in range(1, 6):
        header |= {f"Segment{label - 1}_ID": f"s{label}", f"Segment{label - 1}_LabelValue": str(label)}
        header |= {f"Segment{label - 1}_Layer": "0"}
    path = tmp_path_factory.mktemp("any") / "any.seg.nrrd"
    nrrd.write(str(path), np.ascontiguousarray(data), header, index_order="F")
    read = read_slicer_file(path, image)
    assert (read.array == array).all()


def written(tmp_path, **changes) -> Path:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag([0.8, 0.9, 3.0]),
        "space origin": np.array([1.0, 2.0, 3.0]),
        "Segment0_ID": "a",
        "Segment0_LabelValue": "1",
        "Segment0_Layer": "0",
    }
    data = changes.pop("data", np.ones(SHAPE[::-1], np.uint8))
    header.update(changes)
    path = tmp_path / "broken.seg.nrrd"
    nrrd.write(str(path), data, {k: v for k, v in header.items() if v is not None}, index_order="F")
    return path


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"space origin": np.array([1.4, 2.0, 3.0])}, "does not lie on the image's voxels"),
        ({"space directions": np.diag([0.4, 0.45, 3.0])}, "does not lie on the image's voxels"),
        ({"data": np.ones((24, 20, 9), np.uint8)}, "reaches beyond the image"),
        ({"space origin": None}, "where its voxels lie"),
        ({"space origin": np.array([1e300, 2.0, 3.0])}, "without a size or place"),
        ({"data": np.ones(SHAPE[::-1], np.float32)}, "no label map"),
        ({"Segment0_Layer": "3"}, "lies in layer 3"),
        *(({"Segment0_LabelValue": value}, f"segment 0 has LabelValue {value}") for value in ("one", "0", "-1")),
        ({"Segment0_LabelValue": "2"}, "voxels of the value 1 that belong to none"),
    ],
)
def test_what_cannot_be_placed_is_refused(tmp_path, changes, says):
    with pytest.raises(InputError, match=says):
        read_slicer_file(written(tmp_path, **changes), volume())


def test_damage_is_found(tmp_path):
    whole = written(tmp_path).read_bytes()
    start = whole.index(b"\n\n") + 2
    flipped = whole[:-7] + bytes([whole[-7] ^ 16]) + whole[-6:]  # the checksum at the end of gzip's stream
    other = whole[:start] + bytes([whole[start] ^ 255]) + whole[start + 1 :]
    for damaged in (whole[: start + 8], whole[:-6], other, flipped):
        path = tmp_path / "damaged.seg.nrrd"
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged.seg.nrrd"):
            read_slicer_file(path, volume())


def test_names_that_are_not_there_or_not_unique_are_told():
    segmentation = Segmentation(
        np.zeros((2, 2, 2), np.uint8), (Segment(1, "liver"), Segment(2, "spleen"), Segment(3, "spleen"))
    )
    assert segmentation.labels(["liver", 3]) == [1, 3]
    with pytest.raises(InputError, match="There is no segment named kidney; there are liver, spleen, spleen"):
        segmentation.labels(["kidney"])
    with pytest.raises(InputError, match="2 segments are named spleen"):
        segmentation.labels(["spleen"])
    with pytest.raises(InputError, match="plain label map"):
        Segmentation(np.zeros((2, 2, 2), np.uint8)).labels(["liver"])


def test_names_that_hold_commas_are_asked_for_by_number_and_long_ones_are_cut():
    segmentation = Segmentation(np.zeros((2, 2, 2), np.uint8), (Segment(1, "liver, left"), Segment(2, "spleen")))
    with pytest.raises(InputError, match="names with commas.*by their numbers.*1 for liver, left"):
        segmentation.labels(["liver", "left"])
    with pytest.raises(InputError) as refused:
        segmentation.labels(["9" * 4000 + "x"])
    assert len(str(refused.value)) < 400
