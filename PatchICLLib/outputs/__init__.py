"""Files that commands write: known before anything is computed, complete before anything old is replaced."""

from PatchICLLib.outputs.declared import Output, check_distinct, check_output_file, check_outputs
from PatchICLLib.outputs.json_files import (
    append_lines,
    complete_lines,
    drop_unfinished_line,
    read_results,
    stage_json,
    write_json,
)
from PatchICLLib.outputs.new_folder import output_folder, remove_empty
from PatchICLLib.outputs.pictures import is_drawn, save_picture
from PatchICLLib.outputs.set_aside import set_aside
from PatchICLLib.outputs.staged_files import StagedFiles, incomplete, recover_folders, write_errors
from PatchICLLib.outputs.written import written

__all__ = [
    "Output",
    "StagedFiles",
    "append_lines",
    "check_distinct",
    "check_output_file",
    "check_outputs",
    "complete_lines",
    "drop_unfinished_line",
    "incomplete",
    "is_drawn",
    "output_folder",
    "read_results",
    "recover_folders",
    "remove_empty",
    "save_picture",
    "set_aside",
    "stage_json",
    "write_errors",
    "write_json",
    "written",
]
