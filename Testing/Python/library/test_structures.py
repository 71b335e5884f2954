"""Which structure of a library a segment means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.library import Structure, has_default_name, match_structures
from PatchICLLib.segmentations import Segment
from PatchICLLib.segmentations.terminology import Code, Terminology

BODY = Code("SCT", "123037004", "Anatomical Structure")
LEFT, RIGHT = Code("SCT", "7771000", "Left"), Code("SCT", "24028007", "Right")


def coded(value: str, modifier: Code | None = None, region: Code | None = None) -> Terminology:
    return Terminology(BODY, Code("SCT", value, "anything"), region, modifier)


KIDNEY, LIVER, TISSUE = "64033007", "10200004", "85756007"


@pytest.mark.parametrize(
    ("known", "wanted", "expected"),
    [
        ([("Liver", None)], [(" liver ", None)], {101: 1}),
        ([("Liver", None)], [("liver left", None)], {}),
        ([("Leber", coded(LIVER))], [("liver", coded(LIVER))], {101: 1}),
        ([("liver", coded(TISSUE))], [("spleen", coded(TISSUE))], {}),
        ([("a", coded(KIDNEY, LEFT)), ("b", coded(KIDNEY, RIGHT))], [("x", coded(KIDNEY, RIGHT))], {101: 2}),
        ([("kidney", coded(KIDNEY, LEFT))], [("kidney", coded(KIDNEY, RIGHT))], {}),
        ([("kidney", coded(KIDNEY, LEFT))], [("kidney", None)], {101: 1}),
        ([("x", coded(KIDNEY, LEFT))], [("y", coded(KIDNEY))], {}),
        ([("liver", coded(LIVER))], [("liver", coded(KIDNEY))], {}),
        ([("L1", coded("1")), ("L2", coded("1"))], [("l2", coded("1"))], {101: 2}),
        ([("L1", coded("1"))], [("L1", coded("1")), ("L2", coded("1"))], {101: 1}),
        ([("x", coded("1", None, LEFT))], [("x", coded("1"))], {101: 1}),
        ([("Segment_1", None)], [("Segment_1", None)], {}),
        ([("Segment_1", coded(LIVER))], [("Segment_3", coded(LIVER))], {101: 1}),
        ([("cyst", None)], [("cyst", None), ("Cyst", None)], {}),
    ],
)
def test_matching(known, wanted, expected) -> None:
    library = [Structure(label, name, codes) for label, (name, codes) in enumerate(known, 1)]
    painting = [Structure(label, name, codes) for label, (name, codes) in enumerate(wanted, 101)]
    assert match_structures(library, painting) == expected


NAMES = st.sampled_from(["liver", "Liver", "kidney", "Segment_1", "Segment 2", "label_3", "4"])
CODES = st.sampled_from([None, coded(LIVER), coded(KIDNEY), coded(KIDNEY, LEFT), coded(TISSUE)])
SOME = st.lists(st.tuples(NAMES, CODES), max_size=5)


@given(SOME, SOME, st.permutations(range(1, 6)), st.permutations(range(1, 6)))
def test_numbers_and_default_names_never_count(known, wanted, numbers, others) -> None:
    """Whatever the labels are, the same pairs match, no structure twice, and each has codes or a name in common."""
    library = [Structure(label, *one) for label, one in zip(numbers, known, strict=False)]
    painting = [Structure(label, *one) for label, one in zip(others, wanted, strict=False)]
    found = match_structures(library, painting)
    assert len(set(found.values())) == len(found)
    ours, theirs = ({one.label: n for n, one in enumerate(some)} for some in (painting, library))
    places = {(ours[a], theirs[b]) for a, b in found.items()}
    assert places == {
        (a - 1, b - 1)
        for a, b in match_structures(
            [Structure(n, *one) for n, one in enumerate(known, 1)],
            [Structure(n, *one) for n, one in enumerate(wanted, 1)],
        ).items()
    }
    for a, b in places:
        same_name = wanted[a][0].casefold() == known[b][0].casefold() and wanted[a][0].casefold() in ("liver", "kidney")
        codes = wanted[a][1]
        assert same_name or (codes is not None and codes == known[b][1] and codes.kind.value != TISSUE)


@pytest.mark.parametrize("name", ["Segment_1", "segment 12", "Structure", "Label_3", "7", "Segment_1_2", " "])
def test_default_names(name: str) -> None:
    assert has_default_name(Structure(1, name))


@pytest.mark.parametrize("name", ["liver", "L1", "segment of the liver", "Segment VII", "label of heart"])
def test_names_of_their_own(name: str) -> None:
    assert not has_default_name(Structure(1, name))


def test_a_segment_brings_its_codes_unless_they_say_nothing() -> None:
    tag = coded(KIDNEY, LEFT).tag()
    said = Structure.of_segment(Segment(3, "x", "id", (0, 0, 1), {"TerminologyEntry": tag, "other": "secret"}))
    assert said == Structure(3, "x", coded(KIDNEY, LEFT), (0, 0, 1))
    assert Structure.of_segment(Segment(3, "Segment_7", tags={"TerminologyEntry": tag})).name == "anything, Left"
    assert Structure.of_segment(Segment(3, "x", tags={"TerminologyEntry": Terminology().tag()})).terminology is None
