"""What a bug report needs, as text: never a name, never a voxel."""

from dataclasses import asdict

from PatchICLLib.errors import PatchICLError
from PatchICLLib.resources import resource_path

from .Errors import SceneError
from .Protocols import Installer
from .Redaction import redacted
from .SceneIO.Segments import segmentIds
from .SceneIO.Volumes import AXIS_NAMES, gridOfVolume
from .Translation import toldOf


def bugReport(logic, installer: Installer) -> str:
    """Versions, device, settings, state, the last sentences and the worker's log. In English, for the maintainers.

    What is shown of the scene are numbers. What the user chose to call things, and where files are, is not in it: not
    because it was searched for, but because nothing of it is put in; what the worker printed is redacted.
    """
    parts = [
        installer.report(_health(logic)),
        _titled("Settings", _settings(logic)),
        _titled("State", _state(logic)),
        _titled("Last messages", [f"{told.time} {told.text}" for told in logic.record.sentences]),
        _titled("Log of the worker", logic.record.workerLog),
    ]
    return redacted("\n\n".join(parts))


def _titled(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(lines or ["none"])])


def _health(logic):
    """The report of a failure is not to fail with it."""
    try:
        return logic.workerHealth()
    except PatchICLError as error:
        return {"health": str(error)}


def _settings(logic) -> list[str]:
    settings = asdict(logic.parameters)
    settings["weights"] = _weights(settings["weights"])
    return [f"{name} = {value}" for name, value in settings.items()]


def _weights(name: str) -> str:
    if not name:
        return "bundled"
    bundled = {path.stem for path in resource_path("Weights").glob("*.safetensors")}
    return name if name in bundled else "<a file>"


def _state(logic) -> list[str]:
    lines = [f"{logic.state.value}, {'polled' if logic.needsPolling else 'at rest'}"]
    if logic.progress is not None:
        lines.append(f"{logic.progress.done} of {logic.progress.total} slices of the last run")
    if logic.preview is not None:
        lines.append(f"preview: {logic.preview.completion.name.lower()}, {len(logic.preview.filled)} slices filled")
    problem = logic.previewProblem
    if problem is not None:
        lines.append(f"problem: {toldOf(problem)}")
    if logic.volumeNode is not None:
        lines.append(_volume(logic.volumeNode))
    if logic.segmentationNode is not None:
        lines.append(_segmentation(logic))
    return lines


def _volume(volumeNode) -> str:
    try:
        grid = gridOfVolume(volumeNode)
    except SceneError as error:
        return f"volume: {toldOf(str(error))}"
    image = volumeNode.GetImageData()
    size, spacing = (" x ".join(f"{value:g}" for value in values) for values in (grid.shape, grid.spacing))
    return f"volume: {size} voxels of {spacing} mm, {image.GetScalarTypeAsString()}"


def _segmentation(logic) -> str:
    count = len(segmentIds(logic.segmentationNode))
    try:
        painting = logic.currentPainting()
    except SceneError as error:
        return f"{count} segments; {toldOf(str(error))}"
    if painting is None:
        return f"{count} segments, none selected"
    if painting.problem is not None:
        return f"{count} segments; {toldOf(str(painting.problem))}"
    slices = ", ".join(f"{AXIS_NAMES[row.axis]}={row.index} ({row.remark.value})" for row in painting.slices)
    return f"{count} segments; mainly painted along axis {painting.axis}: {slices or 'nothing'}"
