"""Results of an earlier run are there until new ones are complete, whenever the process dies."""

import shutil
from pathlib import Path

import pytest

from PatchICLLib.outputs import append_lines, set_aside


def anew(path: Path) -> None:
    with set_aside([path]):
        for number in range(3):
            append_lines(path, [number])


def test_old_lines_are_there_until_new_ones_are_complete(tmp_path: Path, death) -> None:
    folder = tmp_path / "run"
    step, ended = 0, False
    while not ended:
        folder.mkdir()
        path = folder / "results.jsonl"
        path.write_text('"old"\n')
        ended = death.run(lambda path=path: anew(path), after=step)
        texts = {file.name: file.read_text() for file in folder.iterdir()}
        assert '"old"\n' in texts.values() or texts == {"results.jsonl": "0\n1\n2\n"}
        shutil.rmtree(folder)
        step += 1
    assert step > 4


def test_what_an_earlier_death_has_left_is_kept_as_well(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("second")
    (tmp_path / "results.jsonl.before").write_text("first")
    with pytest.raises(KeyboardInterrupt), set_aside([path]):
        assert not path.exists()
        raise KeyboardInterrupt
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "results.jsonl": "second",
        "results.jsonl.before": "first",
    }
