"""Who shows a model what to segment."""

from PatchICLLib.datasets.context import ContextPool, ContextRule
from PatchICLLib.datasets.example import Example


def example(case: str, index: int, label: str = "liver", plane: str = "k") -> Example:
    return Example("set", case, case, label, plane, index)


POOL = [
    *(example("a", i) for i in range(3)),
    *(example(case, 0) for case in "bcdefgh"),
    example("a", 0, "spleen"),
    example("a", 0, plane="i"),
]


def test_same_case_first_others_when_too_few() -> None:
    drawn = ContextPool(POOL, ContextRule(5)).draw(example("a", 1))
    assert [e.case for e in drawn[:2]] == ["a", "a"] and {e.index for e in drawn[:2]} == {0, 2}
    assert len({e.case for e in drawn[2:]} - {"a"}) == 3
    assert all((e.label, e.plane) == ("liver", "k") for e in drawn)
    assert [e.case for e in ContextPool(POOL, ContextRule(2)).draw(example("a", 1))] == ["a", "a"]


def test_other_cases_only() -> None:
    drawn = ContextPool(POOL, ContextRule(5, same_case_first=False)).draw(example("a", 1))
    assert len(drawn) == 5 and "a" not in {e.case for e in drawn}


def test_a_picture_learns_from_other_subjects_only() -> None:
    """It has no other slices, whatever the rule prefers; pictures of its subject may show nearly the same."""
    pool = ContextPool([example(case, i, plane="") for case in "abcd" for i in range(2)], ContextRule(5))
    drawn = pool.draw(example("a", 0, plane=""))
    assert len(drawn) == 5 and "a" not in {e.subject for e in drawn}


def test_never_the_target_and_no_more_than_there_are() -> None:
    pool = ContextPool(POOL, ContextRule(3))
    assert pool.draw(example("a", 0, "spleen")) == []
    assert len(ContextPool(POOL, ContextRule(50)).draw(example("b", 0))) == 9


def test_the_draw_depends_on_seed_and_target_only() -> None:
    rule = ContextRule(3, False)
    first = ContextPool(POOL, rule)
    draws = [first.draw(example("a", i)) for i in range(3)]
    again = ContextPool(reversed(POOL), rule)
    assert [again.draw(example("a", i)) for i in (2, 1, 0)] == draws[::-1]
    assert draws[0] != draws[1] or draws[1] != draws[2]
    assert any(ContextPool(POOL, ContextRule(3, False, seed)).draw(example("a", 0)) != draws[0] for seed in (1, 2, 3))
