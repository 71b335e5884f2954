from pathlib import Path

import pytest

from PatchICLLib.datasets.cases import find_cases
from PatchICLLib.evaluation.methods import Painting, PredictedStructure
from PatchICLLib.evaluation.next_slice import (
    Session,
    evaluate_next_slice,
    middle_of_largest_gap,
    summarise_sessions,
)
from PatchICLLib.evaluation.runner import Settings


@pytest.mark.parametrize(
    ("slices", "expected"),
    [((4, 12), 8), ((4, 8, 12), 2), ((0, 15), 8), ((1, 2, 14), 8), ((7,), 12)],
)
def test_middle_of_largest_gap(slices: tuple[int, ...], expected: int) -> None:
    # Slices 0 to 15: for 4 and 12 the runs are 0-3, 5-11 and 13-15; for 4, 8, 12 the first is the longest.
    assert middle_of_largest_gap(slices, 0, 15) == expected


class Oracle:
    """Fills a slice with whatever was painted on it only, and suggests from a list."""

    name = "oracle"
    identity = ""

    def __init__(self, suggestions: list[int | None]) -> None:
        self.suggestions = suggestions

    def predict(self, given: Painting) -> PredictedStructure:
        suggestion = self.suggestions[min(len(given.slices) - 2, len(self.suggestions) - 1)]
        return PredictedStructure(given.painted == 1, None, None, 0.0, suggestion)


def test_readers_paint_until_the_goal(data: Path) -> None:
    # The cone's slices 3 to 16 grow: painting the large ones first reaches Dice 0.9 sooner.
    largest_first = [16, 15, 14, 12, 11, 10, 9, 8, 7]
    sessions = evaluate_next_slice(find_cases(data, ["cones"]), Oracle(largest_first), Settings(), most=14)
    suggested, gap = sessions
    assert (suggested.strategy, gap.strategy) == ("suggested", "largest gap")
    assert suggested.painted_slices[:2] == gap.painted_slices[:2] == (6, 13)
    assert suggested.painted_slices[2:5] == (16, 15, 14)
    assert suggested.reached and gap.reached
    assert suggested.dice[-1] >= 0.9 > suggested.dice[-2]
    assert len(suggested.dice) == len(suggested.painted_slices) - 1
    assert len(suggested.painted_slices) < len(gap.painted_slices)


def test_a_method_with_nothing_to_ask_gives_up(data: Path) -> None:
    suggested, _ = evaluate_next_slice(find_cases(data, ["cones"]), Oracle([None]), Settings(), most=5)
    assert not suggested.reached and len(suggested.painted_slices) == 2


def test_the_summary_counts_slices_saved_per_source() -> None:
    def session(source: str, strategy: str, painted: int, reached: bool = True) -> Session:
        return Session(source, "x", 1, "liver", strategy, tuple(range(painted)), (0.95,), reached)

    summary = summarise_sessions(
        [
            session("ct", "suggested", 3),
            session("ct", "largest gap", 5),
            session("mr", "suggested", 4),
            session("mr", "largest gap", 8, reached=False),
        ],
        most=8,
    )
    assert summary["saved"]["mean"] == pytest.approx((2 + 5) / 2)  # giving up counts as 9
    assert summary["painted"]["suggested"]["mean"] == pytest.approx(3.5)
    assert summary["reached"] == {"suggested": 1.0, "largest gap": 0.5}
    assert summary["by_source"]["mr"] == {"structures": 1, "saved": 5.0}
