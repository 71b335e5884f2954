"""Operations of each model at each resolution, beside the Dice that they buy (paper, section 4.2)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PatchICLLib.experiments.models import Model
from PatchICLLib.outputs import write_json

CACHE = "compute.json"


def cost_records(
    summary: dict[str, Any], models: Sequence[Model], context: int, output: Path | None = None
) -> list[dict[str, Any]]:
    """A record for each model and resolution of a summary: model, resolution, gflops (None if unknown), dice, seconds.

    Args:
        summary: of ``summarise``.
        models: whose operations can be counted; what was counted before is taken from a file in ``output``.
        context: number of context pairs.
    """
    networks = {model.name: model for model in models}
    cache_file = None if output is None else output / CACHE
    known: dict[str, float] = {}
    if cache_file is not None and cache_file.is_file():
        known = json.loads(cache_file.read_text(encoding="utf-8"))
    records = []
    for side, entry in summary["resolutions"].items():
        if entry["overall"] is None:
            continue
        for name, values in entry["overall"]["models"].items():
            base = name.split(" @")[0]
            key = f"{base} {side} {context}"
            model = networks.get(base)
            if model is not None and model.network is not None:
                known[key] = _gflops(model, int(side), context)
            dice, seconds = values["mean"], entry["seconds"][name]
            records.append(
                {"model": name, "resolution": int(side), "gflops": known.get(key), "dice": dice, "seconds": seconds}
            )
    if cache_file is not None:
        write_json(known, cache_file, indent=1)
    return records


def _gflops(model: Model, side: int, context: int) -> float:
    from PatchICLLib.benchmark.compute import slice_flops

    assert model.network is not None
    device = str(next(model.network.parameters()).device)
    return slice_flops(model.network, side, context, device)[0] / 1e9
