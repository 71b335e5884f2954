"""What several answers are worth, from scores that are known."""

import numpy as np
import pytest

from PatchICLLib.evaluation.candidates import Answers, judged_answers, summarise_answers
from PatchICLLib.evaluation.kept_predictions import KeptPrediction


def test_summary_of_known_answers() -> None:
    answers = [
        Answers("a", "1", "liver", 1, (0.6, 0.8), (0.75, 0.25)),
        Answers("a", "2", "liver", 1, (0.9, 0.5), (0.65, 0.35)),
        Answers("b", "3", "lung", 2, (0.7,), (1.0,)),
    ]
    summary = summarise_answers(answers, 3)
    assert summary["answers"] == {"1": 1, "2": 2, "3": 0}
    assert summary["by_k"]["1"]["one"]["mean"] == pytest.approx(0.75)
    assert summary["by_k"]["1"]["best_of_all"]["mean"] == pytest.approx(0.85)
    assert summary["all"]["gained"]["mean"] == pytest.approx(0.05)  # sources count alike
    assert [(rank["stated"], rank["best"]) for rank in summary["ranks"]] == [(0.7, 0.5), (0.3, 0.5)]
    assert summary["log_score"] == pytest.approx(-(np.log(0.25) + np.log(0.65)) / 2)
    bins = {one["from"]: (one["answers"], one["best"]) for one in summary["reliability"]}
    assert bins == {0.2: (1, 1.0), 0.3: (1, 0.0), 0.5: (1, 1.0), 0.7: (1, 0.0)}


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("belongs", [True, False])
def test_the_answer_with_the_branch_is_the_best_where_it_belongs(axis: int, belongs: bool) -> None:
    k, j, i = np.ogrid[:20, :30, :40]
    ball = (k - 10) ** 2 + (j - 15) ** 2 + (i - 12) ** 2 <= 49
    branch = np.zeros(ball.shape, bool)
    branch[11:15, 12:19, 18:34] = True
    branch &= ~ball
    probability = np.where(ball, 1.0, np.where(branch, 0.4, 0.0)).astype(np.float32)
    painted = np.zeros_like(ball)
    painted[10] = ball[10]
    turned = [np.moveaxis(a, 0, axis) for a in (ball, probability, painted, ball | branch if belongs else ball)]
    kept = KeptPrediction("s", "c", "x", 1, *turned, (10,), axis, (1.0, 1.0, 1.0))
    answers = judged_answers(kept, 4, 0, 1.0)
    assert len(answers.dice) == 2 and answers.best == int(belongs)
    assert max(answers.dice) == 1 and sum(answers.probabilities) == pytest.approx(1)
