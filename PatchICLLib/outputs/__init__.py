"""Files that commands write: known before anything is computed, complete before anything old is replaced."""

from __future__ import annotations

from PatchICLLib.outputs.declared import Output, check_distinct, check_output_file, check_outputs
from PatchICLLib.outputs.json_files import stage_json, write_json
from PatchICLLib.outputs.staged_files import StagedFiles, recover_folders, write_errors
from PatchICLLib.outputs.written import forget_written, note_written, written

__all__ = [
    "Output",
    "StagedFiles",
    "check_distinct",
    "check_output_file",
    "check_outputs",
    "forget_written",
    "note_written",
    "recover_folders",
    "stage_json",
    "write_errors",
    "write_json",
    "written",
]
