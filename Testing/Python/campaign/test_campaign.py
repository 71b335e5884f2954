"""Random faults against the command line lose nothing; and the campaign would tell if they did."""

import json
import sys

import pytest

pytest.importorskip("pydicom")
if sys.platform != "linux":
    pytest.skip("processes are forked and limited as on Linux", allow_module_level=True)

from Testing.Campaign.__main__ import main, tally, trial
from Testing.Campaign.kinds import KINDS
from Testing.Campaign.runner import run_trial

TRIALS, PARTS = 200, 8


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost(part):
    verdicts = [trial(seed).to_json() for seed in range(part, TRIALS, PARTS)]
    bad = [verdict for verdict in verdicts if verdict["problems"]]
    assert not bad, json.dumps(bad, indent=1)
    assert {verdict["code"] for verdict in verdicts} >= {0, 2}, "some are refused, some survive"


def test_an_input_that_is_replaced_is_noticed(monkeypatch):
    """Control: without the check of outputs the campaign finds losses."""
    monkeypatch.setattr("PatchICLLib.command_line.propagate_files.check_outputs", lambda *_arguments: None)
    found = [run_trial("output_is_an_input", seed, KINDS["output_is_an_input"][0]) for seed in range(4)]
    assert any("lost" in problem for verdict in found for problem in verdict.problems)


def test_a_defect_is_noticed(monkeypatch):
    def fail(*_arguments, **_options):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("PatchICLLib.command_line.propagate_files.read_inputs", fail)
    verdict = run_trial("labels_of_every_type", 0, KINDS["labels_of_every_type"][0])
    assert "exit 1" in verdict.problems


def test_a_campaign_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    log = tmp_path / "log.jsonl"
    command = ["campaign", "--first", "7", "--log", str(log), "--trials"]
    monkeypatch.setattr(sys, "argv", [*command, "2"])
    assert main() == 0 and len(log.read_text().splitlines()) == 2
    first = log.read_text()
    monkeypatch.setattr(sys, "argv", [*command, "3"])
    assert main() == 0 and log.read_text().startswith(first) and len(log.read_text().splitlines()) == 3
    assert "| all | 3 |" in capsys.readouterr().out


def test_the_tally_counts_by_kind():
    entries = [
        {"kind": "a_b", "seed": 1, "code": 2, "problems": []},
        {"kind": "a_b", "seed": 2, "code": 0, "problems": ["lost: changed x"]},
        {"kind": "c", "seed": 3, "code": 1, "problems": ["exit 1", "traceback"]},
        {"kind": "c", "seed": 4, "code": -9, "problems": ["ended by signal 9"]},
    ]
    text = tally(entries)
    assert "| a b | 2 | 1 | 1 | 0 | 1 | 0 | 0 | 0 |" in text and "| all | 4 | 1 | 1 | 2 | 1 | 1 | 1 | 1 |" in text
