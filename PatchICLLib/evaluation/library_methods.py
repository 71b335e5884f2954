"""The methods of an evaluation with libraries."""

from collections.abc import Sequence

from PatchICLLib.datasets.cases import Case, label_names
from PatchICLLib.datasets.subjects import SUBJECT_RULES, other_subjects
from PatchICLLib.evaluation.methods import Method, Weights, load_methods
from PatchICLLib.evaluation.with_library import AveragedMethod, LibraryMethod

PRODUCT = "patchicl"


def methods_with_libraries(
    names: Sequence[str], counts: Sequence[int], cases: Sequence[Case], weights: Weights, device: str
) -> list[Method]:
    """Methods by name, the product alone, with libraries of so many subjects, and the control.

    Args:
        names: of other methods.
        counts: of subjects; 0 for the product without.
        cases: that libraries are made of.
        weights, device: of the networks.

    Raises:
        InputError: as of `load_methods`.
    """
    from PatchICLLib.propagation import Propagator
    from PatchICLLib.weights import find_weights, sha256_of

    identity = sha256_of(find_weights(weights.patchicl, None))[:12]
    propagator = Propagator.from_pretrained(weights.patchicl, device)
    wanted = dict.fromkeys([*names, *([PRODUCT] if 0 in counts else [])])
    libraries = [LibraryMethod(propagator, identity, count, tuple(cases)) for count in dict.fromkeys(counts) if count]
    return [*load_methods(list(wanted), weights, device), *libraries, AveragedMethod(propagator, identity)]


def has_company(case: Case, cases: Sequence[Case]) -> bool:
    """Whether any of a case's structures may be shown by another subject."""
    ruled = any(rule.source == case.source for rule in SUBJECT_RULES)
    return any(other_subjects(case, label, cases) for label in ([0] if ruled else label_names(case)))
