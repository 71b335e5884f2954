"""Which few answers stand for all that may be true, and how probable each is to be the nearest to the truth.

What is true is thought to be the result with the logits of each uncertain part shifted, all of a part alike, by a
normal number of its own. Some hundred such truths are drawn. Answers are chosen so that the truths have the highest
mean Dice with the best of them: one after another, then each as the mean of the truths that it is best for. The share
of those is its probability.
"""

import numpy as np

from PatchICLLib.propagation.candidates.part_sizes import AS_IT_IS, SHIFTS, PartSizes, nearest_shift

SPREAD = 1.0  # standard deviation of shifts; see Docs/accuracy.md
_TRUTHS = 256
_ROUNDS = 3
_MOST_ALIKE = 0.95  # Dice of two answers, over unpainted voxels of the label in which they differ most
_LEAST_PROBABLE = 0.05


def choose_answers(sizes: PartSizes, count: int, seed: int, spread: float = SPREAD) -> tuple[np.ndarray, np.ndarray]:
    """At most ``count`` answers that differ visibly.

    Args:
        sizes: of P parts, at least one.
        count: most answers.
        seed: of the truths that are drawn.
        spread: of shifts, as a standard deviation.

    Returns:
        (n, P) shifts, the result as it is first and then the most probable, and (n,) probabilities, whose sum is 1.
    """
    parts = len(sizes.voxels)
    drawn = np.random.default_rng(seed).normal(0, spread, (_TRUTHS, parts))
    truths = nearest_shift(drawn)
    as_it_is = np.full(parts, AS_IT_IS)
    answers = [as_it_is]
    best = _likeness(sizes, as_it_is, truths)
    among = np.stack([_likeness(sizes, truth, truths) for truth in truths])
    while len(answers) < count:
        gains = np.maximum(among, best).mean(1)
        answers.append(truths[gains.argmax()])
        best = np.maximum(best, among[gains.argmax()])
    for _ in range(_ROUNDS):
        nearest = _nearest(sizes, answers, truths)
        means = [drawn[nearest == number].clip(SHIFTS[0], SHIFTS[-1]) for number in range(len(answers))]
        answers = [
            as_it_is,
            *(nearest_shift(m.mean(0)) if len(m) else a for a, m in zip(answers[1:], means[1:], strict=True)),
        ]
    while True:
        nearest = _nearest(sizes, answers, truths)
        shares = np.bincount(nearest, minlength=len(answers)) / _TRUTHS
        surplus = [number for number in range(1, len(answers)) if _is_surplus(sizes, answers, number, shares[number])]
        if not surplus:
            break
        del answers[min(surplus, key=lambda number: (shares[number], -number))]
    order = [0, *(1 + np.argsort(-shares[1:], kind="stable"))]
    return np.stack(answers)[order], shares[order]


def _likeness(sizes: PartSizes, answer: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """(n,) Dice with truths (n, P), mean over labels."""
    return np.asarray(sizes.dice(answer, truths).mean(1))


def _nearest(sizes: PartSizes, answers: list[np.ndarray], truths: np.ndarray) -> np.ndarray:
    """Which of the answers each truth is most like; of equal ones the first."""
    return np.stack([_likeness(sizes, answer, truths) for answer in answers]).argmax(0)


def _is_surplus(sizes: PartSizes, answers: list[np.ndarray], number: int, share: float) -> bool:
    """Whether an answer is hardly probable, or looks like one before it."""
    before = np.stack(answers[:number])
    return share < _LEAST_PROBABLE or bool((sizes.dice(answers[number], before).min(1) > _MOST_ALIKE).any())
