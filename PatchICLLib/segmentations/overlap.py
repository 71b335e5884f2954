"""Which segments share a layer: those of which no two overlap."""

from collections.abc import Callable


def groups_without_overlap(count: int, overlap: Callable[[int, int], bool]) -> list[list[int]]:
    """Put ``count`` things into few groups of which no two overlap: those that overlap most first, each where it fits.

    Args:
        count: number of things.
        overlap: whether two of them, by number, overlap.

    Returns:
        Their numbers by group, ascending within each; groups in the order of their first.
    """
    against = [{other for other in range(count) if other != one and overlap(one, other)} for one in range(count)]
    groups: list[list[int]] = []
    for one in sorted(range(count), key=lambda one: -len(against[one])):
        free = next((group for group in groups if against[one].isdisjoint(group)), None)
        if free is None:
            groups.append(free := [])
        free.append(one)
    return sorted(sorted(group) for group in groups)
