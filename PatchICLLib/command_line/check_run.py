"""Looks at files as a propagation would, and tells what it would do."""

from pathlib import Path
from typing import Any

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.painted_text import painted_text
from PatchICLLib.command_line.propagate_files import PropagationFiles, PropagationInputs, read_inputs
from PatchICLLib.library import Library
from PatchICLLib.library.cases import of_scan
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.propagation.geometry.axis import AXIS_NAMES
from PatchICLLib.propagation.options import PropagationOptions
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.planning import plan_propagation

_OF_LIBRARY = "library", "match", "direction"  # options that are not of the plan


def run_check(files: PropagationFiles, options: dict[str, Any], json_file: Path | None = None) -> None:
    """Tell what `propagate_files` would do.

    Raises:
        InputError: what it would refuse.
    """
    if json_file is not None:
        found = Output("--json", json_file, (".json",))
        read = {"IMAGE": files.image, "PAINTED": files.painted, **files.limits.named("--")}
        check_outputs([*files.outputs(), found], read, {} if files.library is None else {"--library": files.library})
    inputs = read_inputs(files, None, options)
    options = {name: value for name, value in inputs.options.items() if name not in _OF_LIBRARY}
    plans = plan_propagation(
        inputs.image.array,
        inputs.painted.array,
        inputs.image.spacing_kji,
        PropagationOptions(**options),
        known=tuple(inputs.options.get("match", ())),
    )
    content = describe(files, inputs, list(plans.values()))
    _print(content, inputs)
    if json_file is not None:
        write_json(content, json_file)


def describe(files: PropagationFiles, inputs: PropagationInputs, plans: list[Plan]) -> dict[str, Any]:
    """What was read and would be done, as plain data."""
    image = inputs.image
    labels = {
        str(label): {
            "name": inputs.painted.names.get(label),
            "painted_slices": list(review.context),
            "painted_planes": {AXIS_NAMES[axis]: list(found) for axis, found in plan.painted_planes[label].items()},
            "ignored_slices": list(review.without_context),
            "slices_to_fill": sum(len(gap.slices) for one, gap in plan.jobs if one == label),
        }
        for plan in plans
        for label, review in plan.reviews.items()
    }
    content = {
        "image": str(files.image),
        "painted": str(files.painted),
        "size": list(reversed(image.array.shape)),
        "spacing_mm": list(reversed(image.spacing)),
        "origin": list(image.origin),
        "direction": list(image.direction),
        "type": image.pixel_type,
        "axis": AXIS_NAMES[plans[0].axis],
        "layers": len(plans),
        "labels": dict(sorted(labels.items(), key=lambda entry: int(entry[0]))),
        "library": _known(inputs) if "library" in inputs.options else {},
        "warnings": [sentence for plan in plans for sentence in plan.warnings],
        "writes": [str(path) for output in files.outputs() for path in output.files()],
    }
    return inputs.limits.told(content)


def _known(inputs: PropagationInputs) -> dict[str, dict[str, Any]]:
    """By label, which structure of the library it is, and how many cases of other scans have it."""
    library: Library = inputs.options["library"]
    own = of_scan(library.cases, inputs.image.array)
    names = {one.label: one.name for one in library.structures}
    return {
        str(label): {
            "structure": names[theirs],
            "cases": sum(case.number not in own for case in library.cases_with(theirs)),
        }
        for label, theirs in sorted(inputs.options["match"].items())
    }


def _print(content: dict[str, Any], inputs: PropagationInputs) -> None:
    console = plain_console()
    spacing = " x ".join(f"{step:.4g}" for step in content["spacing_mm"])

    def tell(text: str, **style: Any) -> None:
        console.print(text, soft_wrap=True, **style)

    tell(f"{content['image']}: {inputs.image.grid.size_text} voxels of {spacing} mm, {content['type']}")
    apart = f", in {content['layers']} layers, since segments overlap" if content["layers"] > 1 else ""
    axes = dict.fromkeys(axis for label in content["labels"].values() for axis in label["painted_planes"])
    along = f"painted along {' and '.join(axes)}" if axes else "nothing is painted"
    tell(f"{content['painted']}: {along}{apart}")
    for label, found in content["labels"].items():
        called, count = inputs.painted.called(int(label)), found["slices_to_fill"]
        on = (
            painted_text(found["painted_planes"])
            if len(axes) > 1
            else "slices " + ", ".join(map(str, found["painted_slices"]))
        )
        tell(f"  {called}: painted on {on}; up to {count} to fill")
    for label, found in content["library"].items():
        called, bare = inputs.painted.called(int(label)), "" if label in content["labels"] else "not painted; "
        cases = "1 earlier case" if found["cases"] == 1 else f"{found['cases']} earlier cases"
        tell(f"  {called}: {bare}{cases} of {found['structure']}, listened to as far as they fit")
    for sentence in content["warnings"]:
        tell(sentence, style="yellow")
    for path in content["writes"]:
        tell(f"would write {path}")
