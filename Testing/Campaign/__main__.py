"""Runs the campaign: `python -m Testing.Campaign --trials 5000 --log campaign.jsonl`."""

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes are forked: one thread leaves nothing locked

import numpy as np  # noqa: E402

from Testing.Campaign import faults, file_faults  # noqa: E402, F401 (their kinds enter themselves)
from Testing.Campaign.kinds import KINDS  # noqa: E402
from Testing.Campaign.runner import Verdict, run_trial  # noqa: E402


def kind_of(seed: int) -> str:
    """The kind of the trial with that number: the same for ever."""
    names = sorted(KINDS)
    weights = np.array([KINDS[name][1] for name in names])
    return str(np.random.default_rng(seed).choice(names, p=weights / weights.sum()))


def trial(seed: int) -> Verdict:
    kind = kind_of(seed)
    return run_trial(kind, seed, KINDS[kind][0])


def tally(verdicts: list[dict]) -> str:
    """A table: by kind how many were tried, refused, survived; and what must never be."""
    rows: dict[str, Counter] = defaultdict(Counter)
    for verdict in verdicts:
        for name in (verdict["kind"], "all"):
            row = rows[name]
            row["trials"] += 1
            row[{0: "survived", 2: "refused"}.get(verdict["code"], "stopped")] += 1
            row["lost"] += any("lost" in problem for problem in verdict["problems"])
            row["tracebacks"] += any("traceback" in problem for problem in verdict["problems"])
            row["exit 1"] += any("exit 1" in problem for problem in verdict["problems"])
            row["other"] += bool(verdict["problems"]) and not any(
                word in problem for problem in verdict["problems"] for word in ("lost", "traceback", "exit 1")
            )
    columns = ("trials", "refused", "survived", "stopped", "lost", "tracebacks", "exit 1", "other")
    lines = ["| kind | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name in [*sorted(set(rows) - {"all"}), "all"]:
        cells = " | ".join(str(rows[name][column]) for column in columns)
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="number of the first trial")
    parser.add_argument("--log", type=Path, help="a line a trial; trials in it are not run again")
    parser.add_argument("--only", metavar="KIND", help="trials of this kind alone")
    chosen = parser.parse_args()
    done: dict[int, dict] = {}
    if chosen.log is not None and chosen.log.exists():
        done = {(entry := json.loads(line))["seed"]: entry for line in chosen.log.read_text().splitlines()}
    began = time.monotonic()
    verdicts = []
    for seed in range(chosen.first, chosen.first + chosen.trials):
        if chosen.only is not None and kind_of(seed) != chosen.only:
            continue
        if seed not in done:
            done[seed] = trial(seed).to_json()
            if done[seed]["problems"]:
                print(f"{seed} {done[seed]['kind']}: {'; '.join(done[seed]['problems'])}", file=sys.stderr)
            if chosen.log is not None:
                with chosen.log.open("a") as stream:
                    stream.write(json.dumps(done[seed]) + "\n")
        verdicts.append(done[seed])
    print(tally(verdicts))
    print(f"\n{len(verdicts)} trials in {time.monotonic() - began:.0f} s")
    return int(any(verdict["problems"] for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
