"""There is one way to write files: `PatchICLLib.outputs`. Whoever goes around it is found here."""

import ast
from pathlib import Path

# calls that create, replace or remove files, and the files that may do so by themselves
CHANGES = {
    "write_text", "write_bytes", "unlink", "rename", "rmtree", "rmdir", "remove", "removedirs", "renames", "symlink_to",
    "truncate", "copy", "copy2", "copyfile", "move", "savefig", "save_file", "savez", "savez_compressed", "WriteImage",
    "to_csv", "imsave", "tofile", "save_as",
}  # fmt: skip
MODULES = {"os", "shutil", "Path", "torch", "np", "safetensors.torch", "sitk", "json", "nrrd"}
# writing into a file that StagedFiles or a temporary folder gave
STAGED = {
    "benchmark/memory.py": {"Path('/proc/self/clear_refs').write_text"},  # a switch of Linux, not a file
    "benchmark/savings.py": {"np.save"},
    "demo/figure.py": {"composer.figure.savefig"},
    "evaluation/kept_predictions.py": {"np.savez_compressed"},
    "training/checkpoint.py": {"torch.save"},
    "training/loggers.py": {"files.path_for(identity).write_text"},
    "training/pseudo_labels.py": {"np.savez_compressed", "files.path_for(target).open"},
    "training/run_files.py": {"files.path_for(log).write_text"},
    "images/writing.py": {"sitk.WriteImage"},
    "images/nifti_geometry.py": {"path.open", "packed.open", "plain.unlink"},
    "segmentations/slicer_file.py": {"path.open"},
    "segmentations/dicom_seg.py": {"seg.save_as"},
    "weight_files.py": {"safetensors.torch.save_file"},
}


def changes_files(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return isinstance(function, ast.Name) and function.id == "open" and writes(call, position=1)
    owner, name = ast.unparse(function.value), function.attr
    if name == "open":
        return owner not in ("os",) and writes(call, position=0)
    if name == "replace":
        return owner == "os" or len(call.args) == 1 and not call.keywords  # str.replace takes two
    if name in ("copy", "remove", "move", "save", "write", "dump", "truncate"):
        return owner in MODULES
    return name in CHANGES


def writes(call: ast.Call, position: int) -> bool:
    mode = [ast.literal_eval(k.value) for k in call.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
    given = call.args[position : position + 1]
    mode += [ast.literal_eval(one) for one in given if isinstance(one, ast.Constant)]
    return any(isinstance(one, str) and set(one) & set("wax+") for one in mode)


def test_files_are_written_by_one_package_only(repository: Path) -> None:
    library = repository / "PatchICLLib"
    offenders, used = [], {name: set() for name in STAGED}
    for path in library.rglob("*.py"):
        relative = path.relative_to(library).as_posix()
        if relative.startswith(("outputs/", "worker/")):
            continue  # the worker writes into pipes and shared memory
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and changes_files(node):
                call = ast.unparse(node.func)
                if call in STAGED.get(relative, set()):
                    used[relative].add(call)
                else:
                    offenders.append(f"{relative}:{node.lineno} {call}")
    assert offenders == []
    assert used == STAGED  # nothing is allowed that nobody needs
