"""What `patchicl evaluate calibration` does once its options are read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PatchICLLib.command_line.console import plain_console
from PatchICLLib.command_line.evaluate_options import Judged, Product
from PatchICLLib.command_line.evaluate_run import chosen_cases
from PatchICLLib.command_line.options import axis_from_text
from PatchICLLib.command_line.progress_display import ProgressDisplay
from PatchICLLib.evaluation.methods import NetworkMethod
from PatchICLLib.evaluation.runner import Settings
from PatchICLLib.evaluation.temperature import collect_histograms, expected_calibration_error, fit_temperature
from PatchICLLib.model_card import write_calibration
from PatchICLLib.outputs import Output, check_outputs, write_json
from PatchICLLib.propagation import Propagator
from PatchICLLib.runtime.device import resolve_device
from PatchICLLib.weights import find_weights, load_weights


def run_calibration(
    data: Path,
    *,
    ks: Sequence[int],
    judged: Judged,
    store: bool,
    json_file: Path | None,
    product: Product,
) -> None:
    """Fit the temperature, print the calibration error without and with it, and store it if asked to."""
    settings = Settings(ks=tuple(ks), axis=axis_from_text(judged.axis), max_structures=judged.max_structures)
    path = find_weights(product.weights)
    outputs = [] if json_file is None else [Output("--json", json_file, (".json",))]
    if store:
        outputs.append(Output("The model card", path.with_suffix(".json")))
    check_outputs(outputs, {} if store else {"--weights": path}, {"DATA": data})
    cases = chosen_cases(data, judged)
    chosen = resolve_device(product.device)
    pretrained = load_weights(product.weights, None, chosen)
    # fitted on the network's own logits, whatever the card says so far
    plain = replace(pretrained, card={key: value for key, value in pretrained.card.items() if key != "calibration"})
    method = NetworkMethod(pretrained.name, Propagator(plain, chosen), pretrained.sha256[:12])
    with ProgressDisplay(product.quiet, unit="predictions") as display:
        histograms = collect_histograms(cases, method, settings, display.show_stage)
    temperature = round(fit_temperature(histograms), 4)
    summary = {
        "temperature": temperature,
        "expected_calibration_error": round(expected_calibration_error(histograms, temperature), 4),
        "expected_calibration_error_without": round(expected_calibration_error(histograms, 1.0), 4),
        "predictions": len(histograms),
        "k": list(ks),
        "split": judged.split,
        "command": f"patchicl evaluate calibration DATA --split {judged.split} --k {','.join(map(str, ks))}"
        + (f" --max-structures {judged.max_structures}" if judged.max_structures else ""),
    }
    plain_console().print(
        f"Temperature {temperature:.3f}: expected calibration error {summary['expected_calibration_error']:.4f}, "
        f"without {summary['expected_calibration_error_without']:.4f} ({len(histograms)} predictions)."
    )
    if store:
        write_calibration(path, summary)
        plain_console().print(f"Stored in {path.with_suffix('.json')}", soft_wrap=True)
    if json_file is not None:
        write_json(summary, json_file)
