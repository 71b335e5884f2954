"""A bug report holds what maintainers need, and is the same whatever nodes, files and persons are called."""

import ast
import re
import string
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer.util
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PatchICLSegmentLib import Redaction
from PatchICLSegmentLib.BugReport import bugReport
from PatchICLSegmentLib.Errors import SceneError
from PatchICLSegmentLib.Installer import PackageInstaller
from PatchICLSegmentLib.Record import Record
from PatchICLSegmentLib.Redaction import redacted
from PatchICLSegmentLib.Translation import Sentence, _, ofLibrary

from .conftest import Workplace, straightGeometry

LIBRARY = Path(__file__).resolve().parents[3] / "PatchICLSegment" / "PatchICLSegmentLib"
COMMON = ["slice", "the", "a", "volume", "Structure", "1", "painted", "none", "idle", "{name}", "%s", "<volume>", "0.5"]
NAMES = st.one_of(st.sampled_from(COMMON), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))


def catalogue() -> Iterator[str]:
    """Every string that the module can show."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                yield ast.literal_eval(node.args[0])


SENTENCES = st.sampled_from(sorted(set(catalogue())))


@st.composite
def filledTwice(draw, depth: int = 0) -> tuple[Sentence, Sentence]:
    """A sentence of the catalogue, filled with numbers, other sentences and names, and once more with other names."""
    template = draw(SENTENCES)
    one, other = {}, {}
    for _before, name, specification, _conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if specification:
            one[name] = other[name] = draw(st.floats(0, 1e6))
        elif depth < 2 and draw(st.booleans()):
            one[name], other[name] = draw(filledTwice(depth + 1))
        else:
            one[name], other[name] = draw(NAMES), draw(NAMES)
    return Sentence(template, template).format(**one), Sentence(template, template).format(**other)


@given(filledTwice())
def testWhatIsToldOfASentenceDoesNotDependOnNames(sentences):
    told = []
    for sentence in sentences:
        record = Record(lambda: "")
        for shown in (sentence, str(SceneError(sentence)), sentence.rstrip(".")):
            assert shown in (str.__str__(sentence), str.__str__(sentence).rstrip("."))
            record.add(_("{one} {other}").format(one=shown, other=1))
        told.append(record.sentences)
    assert told[0] == told[1] and "<a sentence" not in str(told)


def testWhatLostItsTemplateIsNotTold():
    record = Record()
    record.add("x" + _("{name} was removed").format(name="Smith"))
    record.add(", ".join([_("Painted"), "Smith"]))
    record.add(_("{name} was removed").format(name="Smith"))
    assert "Smith" not in str(record.sentences) and record.sentences[-1].text == "<name> was removed"


def testOfProgressTheLastIsKept():
    record = Record(lambda: "12:00")
    record.add(_("Starting"))
    for done in range(200):
        record.add(_("{done} of {total} slices").format(done=done, total=200))
    record.add("")
    assert [told.text for told in record.sentences] == ["Starting", "199 of 200 slices"]
    for number in range(200):
        record.add(ofLibrary("ab"[number % 2]))
        record.addLine(f"line {number}" + "!" * 10000)
    assert len(record.sentences) == 50 and 100 <= len(record.workerLog) <= 200
    assert record.workerLog[-1].startswith("line 199!") and len(record.workerLog[-1]) <= 2000


def story(scene, volumeName: str, segmentationName: str, segmentNames: list[str], weights: str) -> str:
    """The report after all kinds of failures with nodes of these names."""
    place = Workplace(scene, straightGeometry())
    logic = place.logic
    segmentation = place.segmentation.GetSegmentation()

    def attempt():
        with pytest.raises(SceneError) as caught:
            logic.startPropagation()
        logic.record.add(logic.remedies.of(caught.value).sentence)

    try:
        place.volume.SetName(volumeName)
        place.segmentation.SetName(segmentationName)
        for segmentId, name in zip((place.organ, place.other), segmentNames, strict=True):
            segmentation.GetSegment(segmentId).SetName(name)
        attempt()
        place.paint(0, (3, 8, 14))
        place.paint(0, (3, 8), place.other)
        place.segmentation.GetDisplayNode().SetSegmentVisibility(place.organ, False)
        attempt()
        place.segmentation.GetDisplayNode().SetSegmentVisibility(place.organ, True)
        coarse = slicer.util.addVolumeFromArray(
            np.zeros((9, 20, 24), np.int16), np.diag([-1.6, -1.8, 5, 1]), volumeName
        )
        logic.select(coarse, place.segmentation)
        attempt()
        logic.record.add(str(logic.previewProblem or ""))
        logic.select(place.volume, place.segmentation)
        logic.parameters = logic.parameters.__class__(scope="visible", weights=weights)
        attempt()
        logic.parameters = logic.parameters.__class__(weights=weights)
        place.runToPreview()
        logic.select(coarse, place.segmentation)
        logic.record.add(logic.previewProblem)
        logic.select(place.volume, place.segmentation)
        place.volume.SetSpacing(1, 1, 1)
        logic.record.add(logic.previewProblem)
        report = bugReport(logic, PackageInstaller(isInstalled=lambda name: False))
        place.volume.SetSpacing(0.8, 0.9, 2.5)
        logic.discardPreview()
        logic.startPropagation()
        place.workers[-1].failure, place.workers[-1].prints = "The worker died.", ["the last line"]
        while logic.state.isBusy:
            logic.poll()
        logic.startPropagation()
        scene.RemoveNode(place.volume)
        return report + bugReport(logic, PackageInstaller(isInstalled=lambda name: False))
    finally:
        logic.shutdown()
        scene.Clear(False)


PLAIN: dict[str, str] = {}  # made once


@pytest.mark.slow
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(volume=NAMES, segmentation=NAMES, segments=st.lists(NAMES, min_size=2, max_size=2), weights=NAMES)
def testReportIsTheSameWhateverThingsAreCalled(scene, volume, segmentation, segments, weights):
    """Then nobody can learn a name from it, be it a common word or not."""
    one = story(scene, volume, segmentation, segments, f"of {weights}")
    other = PLAIN.get("report") or story(scene, "x", "y", ["z", "q"], "/home/w.safetensors")
    PLAIN["report"] = other
    clock = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
    assert clock.sub("", one) == clock.sub("", other)
    for part in (
        "<name> is hidden",
        "18 x 40 x 48 voxels of 1 x 1 x 1 mm",
        "The worker died.",
        "the last line",
        "was removed while",
    ):
        assert part in one.replace("The segment ", ""), part
    assert "<a sentence" not in one, "every sentence kept its template"


FOLDERS = st.lists(st.from_regex(r"\AQx[a-z]{3,8}( Qx[a-z]{3,8})?\Z"), min_size=1, max_size=4)


@given(folders=FOLDERS, windows=st.booleans(), form=st.sampled_from([0, 1, 2, 3, 4, 5]))
def testPathsAreNotTold(folders, windows, form):
    root, separator = ("C:\\", "\\") if windows else ("/", "/")
    path = root + separator.join(folders) + separator + "Qxfile.py"
    line = (
        f'  File "{path}", line 12, in propagate',
        f"FileNotFoundError: [Errno 2] No such file or directory: {path!r}",
        f"The worker did not start with {path}: it was killed",
        f"{path}: not a file",
        f"(from {path}) and then {path}",
        f"file://{path} {separator.join(folders)}{separator}Qxfile.py",
    )[form]
    assert "Qx" not in redacted(f"before\n{line}\nafter")
    assert redacted(f"before\n{line}\nafter").startswith("before\n") and redacted(line + "\nafter").endswith("\nafter")


def testPersonAndComputerAreNotTold(monkeypatch):
    monkeypatch.setenv("USER", "jsmith")
    monkeypatch.setattr(Redaction.platform, "node", lambda: "ward7.hospital.org")
    monkeypatch.setattr(Redaction.Path, "home", lambda: Path("/home/Jane Smith"))
    text = "jsmith on ward7 (ward7.hospital.org), /home/Jane Smith/x.py, JSMITH: Jane Smith"
    told = redacted(text).lower()
    assert not any(word in told for word in ("jsmith", "ward7", "hospital", "jane"))


def testWhereInThePackageItFailedIsTold():
    line = '  File "/opt/Slicer/lib/Python/lib/python3.12/site-packages/torch/nn/modules/module.py", line 1532, in f'
    assert 'site-packages/torch/nn/modules/module.py", line 1532, in f' in redacted(line)
    try:
        redacted(None)
    except AttributeError:
        told = redacted(traceback.format_exc())
    assert "…/PatchICLSegmentLib/Redaction.py" in told and str(LIBRARY) not in told


@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.int16]))
def testVoxelsAreNotTold(count, seed, kind):
    values = (np.random.default_rng(seed).random((count, 9)) * 30000 + 1000).astype(kind)
    told = redacted(f"ValueError: bad values\n{values}\nshape (18, 512, 512), 12/18 slices")
    assert not set(re.findall(r"\d{3,}", told)) - {"512"}
    assert "shape (18, 512, 512), 12/18 slices" in told


def testReportIsOfferedWhereAFailureIsShown(desk):
    desk.openPhantom()
    desk.volume.SetName("Smith^John")
    desk.paintWithMouse(3, 14)
    desk.propagate()
    assert not desk.ui.failureButton.visible, "nothing failed"
    worker = desk.workers[-1]
    worker.failure, worker.died = "The worker crashed (SIGSEGV).", True
    worker.prints = ["Fatal Python error: Segmentation fault", 'File "/home/smith/x.py", line 7 in step']
    desk.propagate()
    assert desk.ui.statusLabel.text == "The worker crashed (SIGSEGV)." and desk.ui.failureButton.visible
    desk.ui.failureButton.click()
    report = desk.application.copied[-1]
    for part in ("Fatal Python error: Segmentation fault", "line 7 in step", "The worker crashed (SIGSEGV).", "idle"):
        assert part in report
    assert "contextSize = 0" in report and "smith" not in report.lower() and "18 x 40 x 48" in report
    desk.ui.propagateButton.click()
    assert not desk.ui.failureButton.visible, "that is over"
    desk.waitWhileBusy()


def testWhatTheUserCanMendIsNoFailure(desk):
    desk.openPhantom()
    desk.ui.propagateButton.click()
    assert desk.ui.statusLabel.text.startswith("Nothing is painted") and not desk.ui.failureButton.visible
    desk.ui.copyReportButton.click()
    assert "Nothing is painted yet" in desk.application.copied[-1]


def testWithoutThePyTorchExtension(desk):
    """What README says of it: the panel offers to install it, and says what to do where that is not possible."""

    def refuse(name):
        raise SceneError(
            _("The extension {name} could not be installed; install it in the Extensions Manager.").format(name=name)
        )

    desk.panel.install.installer = PackageInstaller(isInstalled=lambda name: False, torchUtilities=lambda: None)
    desk.panel.install.refresh()
    desk.openPhantom().paintWithMouse(3, 14)
    assert desk.logic.currentPainting().slices and "Install the PyTorch extension first" in desk.ui.installLabel.text
    desk.ui.propagateButton.click()
    assert not desk.logic.state.isBusy and not desk.ui.installSection.collapsed
    desk.application.installExtension = refuse
    desk.ui.installButton.click()
    assert "needs the PyTorch extension" in desk.application.questions[-1]
    assert "install it in the Extensions Manager" in desk.ui.statusLabel.text
