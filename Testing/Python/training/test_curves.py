"""The log of a training read back and drawn."""

import itertools
import json

import numpy as np
import pytest
from matplotlib import image as matplotlib_image

from PatchICLLib.errors import InputError
from PatchICLLib.training.curves import draw_curves, read_log


def step(number: int, loss: float = 1.0, **more: float) -> dict:
    return {"step": number, "loss": loss, "rate": 1e-3, "dice_hints": 0.5, **more}


def measured(number: int, value: float) -> dict:
    scores = dict.fromkeys(("hints", "bare", "shape", "vote"), value)
    return {"step": number, "rate": 1e-3, "validation": {"mean": scores}}


def test_what_was_logged_last_counts_and_steps_ascend(tmp_path):
    log = tmp_path / "log.jsonl"
    entries = [step(25, 3.0), step(50, 2.0), measured(50, 0.1), step(25, 2.9), step(50, 1.9), step(75, 1.5)]
    log.write_text("".join(json.dumps(e) + "\n" for e in entries))
    assert read_log(log) == [step(25, 2.9), step(50, 1.9), measured(50, 0.1), step(75, 1.5)]


@pytest.mark.parametrize("line", ["{", "[1]", '{"loss": 3}'])
def test_a_damaged_line_is_named(tmp_path, line):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(step(1)) + "\n" + line + "\n")
    with pytest.raises(InputError, match="Line 2 of .*log.jsonl"):
        read_log(log)


def test_a_missing_log_is_told(tmp_path):
    with pytest.raises(InputError, match="no log of a training at"):
        read_log(tmp_path / "log.jsonl")


def test_curves_show_what_was_logged(tmp_path):
    def picture(entries):
        path = tmp_path / "curves.png"
        draw_curves(entries, path)
        return matplotlib_image.imread(path)

    losses = [step(n, 3 / n) for n in range(1, 9)]
    pictures = [
        picture(entries)
        for entries in ([], losses, [*losses, measured(8, 0.2)], [*losses, measured(4, 0.2), measured(8, 0.8)])
    ]
    assert len({p.shape for p in pictures}) == 1
    for first, second in itertools.combinations(pictures, 2):
        assert np.abs(first - second).max() > 0.5


def test_an_unfinished_last_line_is_no_entry(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(step(1)) + "\n" + '{"step": 2, "lo')
    assert read_log(log) == [step(1)]
