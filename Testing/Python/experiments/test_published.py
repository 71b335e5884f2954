"""What the paper reports stands beside the lines that it is about."""

import pytest

from PatchICLLib.datasets.class_split import OTHER, class_split
from PatchICLLib.datasets.medsegbench import known_datasets
from PatchICLLib.experiments.published import OVERALL, published_tables

CT, MRI = class_split().order("ct"), class_split().order("mri")


@pytest.mark.parametrize(
    ("experiment", "lines", "overall", "won"),
    [
        ("totalsegmentator", set(CT) - {OTHER}, (0.417, 0.397), 2),
        # table 3 has no ribs and no thighs
        ("totalsegmentator-mri", set(MRI) - {OTHER, "Bones (Ribs/Sternum)", "Muscles (Thigh)"}, (0.444, 0.471), 1),
        ("medsegbench", {facts.modality for facts in known_datasets().values()}, (0.430, 0.500), 6),
    ],
)
def test_tables_have_the_lines_of_their_experiment(
    experiment: str, lines: set[str], overall: tuple[float, float], won: int
) -> None:
    """The numbers of categories that PatchICL wins are those of the paper's text (1 of 6 is counted in its table 3)."""
    (table,) = published_tables(experiment)
    assert set(table.dice) == lines | {OVERALL}
    assert tuple(table.dice[OVERALL].values()) == overall
    assert (table.categories_won("paper"), table.categories_won("universeg")) == (won, len(lines) - won)


def test_which_tables_stand_beside_what() -> None:
    assert [table.classes_won for table in published_tables("paper")] == [(27, 45), None, None]
    assert published_tables("volumes") == ()
