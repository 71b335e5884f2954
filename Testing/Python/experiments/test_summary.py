"""Tables against numbers computed by hand."""

import pytest
from rich.console import Console

from PatchICLLib.experiments.rows import Row
from PatchICLLib.experiments.summary import summarise
from PatchICLLib.experiments.tables import experiment_tables


def rows(model: str, dice: dict[str, float], resolution: int = 128, identity: str = "") -> list[Row]:
    """Examples are named CATEGORY/CLASS/SUBJECT/IMAGE."""
    found = []
    for name, score in dice.items():
        category, class_name, subject, image = name.split("/")
        found.append(
            Row(name, f"{subject}/{image}", "set", subject, class_name, category, class_name, model, identity,
                resolution, (3, 1), score, 0.25)
        )  # fmt: skip
    return found


OURS = {
    "Vessels/aorta/a/1": 0.2, "Vessels/aorta/a/2": 0.4, "Vessels/aorta/b/1": 0.9, "Vessels/vein/a/1": 0.5,
    "Organs/liver/a/1": 0.8, "Organs/liver/b/1": 0.6,
}  # fmt: skip
THEIRS = {
    "Vessels/aorta/a/1": 0.3, "Vessels/aorta/a/2": 0.3, "Vessels/aorta/b/1": 0.3, "Vessels/vein/a/1": 0.7,
    "Organs/liver/a/1": 0.9, "Organs/liver/b/1": 0.7,
}  # fmt: skip


@pytest.fixture(scope="module")
def entry() -> dict:
    summary = summarise([*rows("ours", OURS), *rows("theirs", THEIRS)], order=("Organs", "Vessels"))
    assert summary["models"] == ["ours", "theirs"]
    return summary["resolutions"]["128"]


def test_mean_sd_n_and_winner_by_category(entry: dict) -> None:
    organs, vessels = entry["categories"]
    assert [organs["category"], vessels["category"]] == ["Organs", "Vessels"]
    assert (organs["n"], vessels["n"]) == (2, 4)
    # liver .8 .6: mean .7, deviation of the sample sqrt(.02); vessels .2 .4 .9 .5: mean .5, sqrt((.09+.01+.16)/3)
    assert organs["models"]["ours"] == pytest.approx({"mean": 0.7, "sd": 0.02**0.5})
    assert vessels["models"]["ours"] == pytest.approx({"mean": 0.5, "sd": (0.26 / 3) ** 0.5})
    assert vessels["models"]["theirs"] == pytest.approx({"mean": 0.4, "sd": (0.12 / 3) ** 0.5})
    assert (organs["winner"], vessels["winner"]) == ("theirs", "ours")
    assert entry["wins"] == {"ours": 1, "theirs": 1}


def test_overall_is_the_mean_over_all_slices(entry: dict) -> None:
    assert entry["overall"]["n"] == 6
    assert entry["overall"]["models"]["ours"]["mean"] == pytest.approx(3.4 / 6)
    assert entry["overall"]["models"]["theirs"]["mean"] == pytest.approx(3.2 / 6)
    assert entry["overall"]["winner"] == "ours"
    assert entry["seconds"] == {"ours": 0.25, "theirs": 0.25}


def test_classes_and_who_wins_them(entry: dict) -> None:
    by_name = {line["class"]: line for line in entry["classes"]}
    assert by_name["aorta"]["models"] == pytest.approx({"ours": 0.5, "theirs": 0.3})
    assert (by_name["aorta"]["n"], by_name["aorta"]["category"], by_name["aorta"]["winner"]) == (3, "Vessels", "ours")
    assert entry["class_wins"] == {"ours": 1, "theirs": 2}


def test_comparisons_are_over_cases_and_classes(entry: dict) -> None:
    (pair,) = entry["comparisons"]
    # a: aorta 0, vein -.2, liver -.1; b: aorta +.6, liver -.1
    assert (pair["first"], pair["second"], pair["units"], pair["subjects"]) == ("ours", "theirs", 5, 2)
    assert pair["difference"] == pytest.approx(0.04)
    # squared distances from .04: .0016 + .0576 + .0196 + .3136 + .0196 = .412
    assert pair["effect_size"] == pytest.approx(0.04 / (0.412 / 4) ** 0.5)
    assert pair["better"] == pytest.approx(1.5 / 5)


def test_only_what_all_models_have_finished_counts() -> None:
    part = dict(list(THEIRS.items())[:4])
    entry = summarise([*rows("ours", OURS), *rows("theirs", part)])["resolutions"]["128"]
    assert entry["left_out"] == 2
    assert [(line["category"], line["n"]) for line in entry["categories"]] == [("Vessels", 4)]


def test_labels_of_one_picture_count_as_one_where_joined() -> None:
    scores = {"CT/one/a/1": 1.0, "CT/two/a/1": 0.5, "CT/one/b/1": 0.25}
    separate = summarise(rows("ours", scores))["resolutions"]["128"]["overall"]
    joined = summarise(rows("ours", scores), joined=True)["resolutions"]["128"]["overall"]
    assert (separate["n"], joined["n"]) == (3, 2)
    assert separate["models"]["ours"]["mean"] == pytest.approx(1.75 / 3)
    assert joined["models"]["ours"] == pytest.approx({"mean": 0.5, "sd": 0.125**0.5})
    assert joined["winner"] is None  # nobody to win against


def test_without_an_order_the_first_models_best_category_is_on_top_and_ties_win_nothing() -> None:
    scores = {"A/x/a/1": 0.1, "B/y/a/1": 0.9, "C/z/a/1": 0.5}
    entry = summarise([*rows("ours", scores), *rows("theirs", scores)])["resolutions"]["128"]
    assert [line["category"] for line in entry["categories"]] == ["B", "C", "A"]
    assert entry["wins"] == {"ours": 0, "theirs": 0}
    assert entry["comparisons"][0]["p"] == 1.0 and entry["comparisons"][0]["effect_size"] is None


def test_two_weights_under_one_name_are_told_apart() -> None:
    summary = summarise([*rows("ours", OURS, identity="aa"), *rows("ours", THEIRS, identity="bb")])
    assert summary["models"] == ["ours @aa", "ours @bb"]


def test_the_printed_table_has_the_papers_layout() -> None:
    summary = summarise(
        [*rows("ours", OURS), *rows("theirs", THEIRS), *rows("ours", OURS, 256)], order=("Organs", "Vessels")
    )
    record = {"model": "ours", "resolution": 128, "gflops": 12.345, "dice": 0.5667, "seconds": 0.25}
    summary["compute"] = [record, {**record, "model": "theirs", "gflops": None}]
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(experiment_tables(summary, "Category"))
    text = console.export_text()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "Category n ours theirs" in lines
    assert "Organs 2 0.700 ± 0.141 0.800 ± 0.141" in lines
    assert "Overall 6 0.567 ± 0.258 0.533 ± 0.266" in lines
    assert "Classes won, of 3: ours 1 (33%), theirs 2 (67%)." in lines
    assert any("256 x 256" in line for line in lines)
    assert "ours 128 12.35 0.567 0.250" in lines and "theirs 128 - 0.567 0.250" in lines
