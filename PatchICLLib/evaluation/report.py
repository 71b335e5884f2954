"""Summarises rows: per structure, per source, over sources, with confidence intervals and who wins."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from PatchICLLib.evaluation.bootstrap import mean_over_groups
from PatchICLLib.evaluation.calibration import Bins, error_rate_of_entropy
from PatchICLLib.evaluation.results import Row

METRICS = ("dice", "dice_within", "dice_changed", "surface_dice", "hausdorff95", "no_edit_share", "seconds_per_slice")
PRODUCT = "patchicl"
WITH_LIBRARY = "library-"  # what the product's methods with a library begin with
CLEARLY_WORSE = 0.05

Summary = dict[str, Any]


def summarise(rows: Sequence[Row]) -> Summary:
    """Plain JSON: one entry for each placement and k.

    Only structures that all methods of an entry have finished are counted, so that every mean is over the same rows;
    `left_out` says how many were not.

    Returns:
        {"settings": [{"placement", "k", "structures", "left_out", "sources": {source: count},
            "methods": {method: {"overall": {metric: {mean, low, high}},
                                 "by_source": {source: {metric: mean}},
                                 "by_structure": {"source / structure": {metric: mean}},
                                 "calibration": {...} or None}},
            "against_peers": {...} or None}]}
        `method` is the method's name; with several weights of one method, "name @identity".
    """
    names = _display_names(rows)
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.placement, row.k].append(row)
    order = {"span": 0, "inset": 1}
    entries = []
    for placement, k in sorted(groups, key=lambda group: (order[group[0]], group[1])):
        entries.append(_entry(placement, k, groups[placement, k], names))
    return {"settings": entries}


def _entry(placement: str, k: int, rows: list[Row], names: dict[tuple[str, str], str]) -> Summary:
    by_method: dict[str, dict[tuple[str, str, int], Row]] = defaultdict(dict)
    for row in rows:
        by_method[names[row.method, row.identity]][row.structure_key] = row
    everywhere = sorted(set.intersection(*(set(finished) for finished in by_method.values())))
    seen = set.union(*(set(finished) for finished in by_method.values()))
    complete = {method: [finished[key] for key in everywhere] for method, finished in by_method.items()}
    sources: dict[str, int] = defaultdict(int)
    for source, _, _ in everywhere:
        sources[source] += 1
    return {
        "placement": placement,
        "k": k,
        "structures": len(everywhere),
        "left_out": len(seen) - len(everywhere),
        "sources": dict(sources),
        "methods": {method: _method_summary(several) for method, several in sorted(complete.items()) if several},
        "against_peers": against_peers(complete) if everywhere else None,
    }


def _method_summary(rows: list[Row]) -> Summary:
    by_source = _grouped(rows, lambda row: row.source)
    by_structure = _grouped(rows, lambda row: f"{row.source} / {row.structure}")
    return {
        "overall": {
            metric: mean_over_groups({s: [getattr(r, metric) for r in m] for s, m in by_source.items()}).to_json()
            for metric in METRICS
        },
        "by_source": {source: _means(members) for source, members in by_source.items()},
        "by_structure": {name: _means(members) for name, members in by_structure.items()},
        "calibration": calibration_of(rows),
    }


def against_peers(complete: dict[str, list[Row]]) -> Summary | None:
    """How the product stands against the other methods, by Dice; None without the product or without others.

    The best peer is the one with the highest mean over sources; `best_of_each_structure` compares with whichever peer
    is best on that very structure, a peer that nobody could pick beforehand.
    """
    products = [m for m in complete if m.split(" @")[0] == PRODUCT or m.startswith(WITH_LIBRARY)]
    peers = [method for method in complete if method not in products]
    if not products or not peers:
        return None
    best_peer = max(peers, key=lambda peer: _overall_dice(complete[peer]))
    peer_dice = {peer: np.array([row.dice for row in complete[peer]]) for peer in peers}
    ideal = np.max(list(peer_dice.values()), axis=0)
    result: Summary = {"best_peer": best_peer, "best_peer_dice": _overall_dice(complete[best_peer]), "products": {}}
    for product in products:
        own = np.array([row.dice for row in complete[product]])
        source_of = np.array([row.source for row in complete[product]])
        lost = [
            source
            for source in sorted(set(source_of))
            if any(own[source_of == source].mean() < peer_dice[peer][source_of == source].mean() for peer in peers)
        ]
        gap = mean_over_groups(
            {s: (own - peer_dice[best_peer])[source_of == s].tolist() for s in sorted(set(source_of))}
        )
        result["products"][product] = {
            "gain": gap.to_json(),
            "sources_where_a_peer_wins": lost,
            "best_peer": _wins(own, peer_dice[best_peer]),
            "best_of_each_structure": _wins(own, ideal),
        }
    return result


def calibration_of(rows: Iterable[Row]) -> Summary | None:
    """Expected calibration error of the probability and of the entropy, with their bins; None if a method has none."""
    probability = [Bins.from_json(row.probability_bins) for row in rows if row.probability_bins is not None]
    entropy = [Bins.from_json(row.entropy_bins) for row in rows if row.entropy_bins is not None]
    if not probability or not entropy:
        return None
    probability_sum, entropy_sum = _add(probability), _add(entropy)
    return {
        "expected_calibration_error": probability_sum.gap(),
        "entropy_calibration_error": entropy_sum.gap(error_rate_of_entropy(entropy_sum.means()[0])),
        "probability_bins": probability_sum.to_json(),
        "entropy_bins": entropy_sum.to_json(),
    }


def _add(several: list[Bins]) -> Bins:
    total = several[0]
    for one in several[1:]:
        total = total + one
    return total


def _wins(own: np.ndarray, other: np.ndarray) -> Summary:
    return {
        "share_better": float(np.mean(own > other)),
        "share_clearly_worse": float(np.mean(own < other - CLEARLY_WORSE)),
    }


def _overall_dice(rows: list[Row]) -> float:
    return float(np.mean([_means(members)["dice"] for members in _grouped(rows, lambda row: row.source).values()]))


def _means(rows: list[Row]) -> dict[str, float]:
    return {metric: float(np.mean([getattr(row, metric) for row in rows])) for metric in METRICS}


def _grouped(rows: list[Row], key: Any) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(sorted(groups.items()))


def _display_names(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    identities: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        identities[row.method].add(row.identity)
    return {
        (method, identity): method if len(several) == 1 else f"{method} @{identity}"
        for method, several in identities.items()
        for identity in several
    }
