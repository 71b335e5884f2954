import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from PatchICLLib.evaluation.plots import write_plots
from PatchICLLib.evaluation.report import summarise
from PatchICLLib.evaluation.results import Row
from PatchICLLib.evaluation.tables import propagation_tables
from Testing.Miniatures.evaluation_rows import evaluation_row


def row(method: str, source: str, case: str, dice: float, **more: Any) -> Row:
    bins = [[0.0] * 14 + [10.0], [0.0] * 14 + [9.6], [0.0] * 14 + [9.0]] if method == "patchicl" else None
    return evaluation_row(source, method, dice, case=case, probability_bins=bins, entropy_bins=bins, **more)


ROWS = [
    row("patchicl", "ct", "a", 0.90),
    row("patchicl", "ct", "b", 0.80),
    row("patchicl", "mr", "c", 0.70),
    row("nearest", "ct", "a", 0.60),
    row("nearest", "ct", "b", 0.82),
    row("nearest", "mr", "c", 0.78),
    row("grow-from-seeds", "ct", "a", 0.50),
    row("grow-from-seeds", "ct", "b", 0.50),
    row("grow-from-seeds", "mr", "c", 0.60),
]


def test_means_are_over_sources() -> None:
    (entry,) = summarise(ROWS)["settings"]
    assert entry["sources"] == {"ct": 2, "mr": 1}
    assert entry["methods"]["patchicl"]["overall"]["dice"]["mean"] == pytest.approx((0.85 + 0.70) / 2)
    assert entry["methods"]["nearest"]["by_source"]["ct"]["dice"] == pytest.approx(0.71)
    assert entry["methods"]["nearest"]["by_structure"]["mr / liver"]["dice"] == pytest.approx(0.78)


def test_the_product_against_its_peers() -> None:
    (entry,) = summarise(ROWS)["settings"]
    against = entry["against_peers"]
    assert against["best_peer"] == "nearest" and against["best_peer_dice"] == pytest.approx(0.745)
    product = against["products"]["patchicl"]
    assert product["gain"]["mean"] == pytest.approx(0.03)
    assert product["sources_where_a_peer_wins"] == ["mr"]
    assert product["best_peer"]["share_better"] == pytest.approx(1 / 3)
    assert product["best_peer"]["share_clearly_worse"] == pytest.approx(1 / 3)  # 0.08 worse; 0.02 is not clear


def test_only_structures_that_all_methods_finished_are_counted() -> None:
    (entry,) = summarise([*ROWS, row("nearest", "mr", "d", 0.0)])["settings"]
    assert (entry["structures"], entry["left_out"]) == (3, 1)
    assert entry["methods"]["nearest"]["by_source"]["mr"]["dice"] == pytest.approx(0.78)


def test_several_weights_of_one_method_are_told_apart() -> None:
    rows = [row("patchicl", "ct", "a", 0.9, identity="old"), row("patchicl", "ct", "a", 0.95, identity="new")]
    (entry,) = summarise([*rows, row("nearest", "ct", "a", 0.5)])["settings"]
    assert entry["methods"]["patchicl @new"]["overall"]["dice"]["mean"] == pytest.approx(0.95)
    assert set(entry["against_peers"]["products"]) == {"patchicl @old", "patchicl @new"}


def test_calibration_adds_up_over_structures() -> None:
    (entry,) = summarise(ROWS)["settings"]
    calibration = entry["methods"]["patchicl"]["calibration"]
    assert calibration["expected_calibration_error"] == pytest.approx(0.06)  # 28.8 predicted, 27 observed, of 30
    assert entry["methods"]["nearest"]["calibration"] is None


def test_tables_name_methods_and_figures() -> None:
    written = io.StringIO()
    Console(width=200, file=written).print(propagation_tables(summarise(ROWS)))
    text = " ".join(written.getvalue().split())
    assert "grow-from-seeds" in text and "span, k = 3: 3 structures" in text
    assert "+0.030" in text and "sources where a peer wins: mr" in text


def test_plots_are_written(tmp_path: Path) -> None:
    rows = [*ROWS, *(row(method, "ct", "a", 0.8, k=5) for method in ("patchicl", "nearest", "grow-from-seeds"))]
    written = write_plots(summarise(rows), rows, tmp_path)
    assert [path.name for path in written] == ["dice_against_k.png", "dice_against_distance.png", "calibration.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    without = [one for one in rows if one.method != "patchicl"]
    assert len(write_plots(summarise(without), without, tmp_path)) == 2
