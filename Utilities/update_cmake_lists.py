"""Keeps the file lists in the modules' CMakeLists.txt equal to the tree: a file that is not listed is not installed.

python Utilities/update_cmake_lists.py            rewrites the lists
python Utilities/update_cmake_lists.py --check    names what differs, exit code 1
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("PatchICLLib", "PatchICLSegment", "SegmentEditorPatchICL")
SCRIPTS, RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"
NOT_INSTALLED = {"Testing", "__pycache__"}


def files_in_tree(module: Path) -> dict[str, list[str]]:
    """The scripts and resources of a module that belong into its lists, relative to its folder."""
    files = sorted(
        path.relative_to(module)
        for path in module.rglob("*")
        if path.is_file() and not NOT_INSTALLED.intersection(path.relative_to(module).parts)
    )
    return {
        SCRIPTS: [path.as_posix() for path in files if path.suffix == ".py" and path.parts[0] != "Resources"],
        RESOURCES: [path.as_posix() for path in files if path.parts[0] == "Resources"],
    }


def find_list(text: str, name: str) -> re.Match[str]:
    """The `set(NAME ...)` command in the text of a CMakeLists.txt."""
    match = re.search(rf"set\({name}\b(.*?)\)", text, re.DOTALL)
    if match is None:
        raise SystemExit(f"No set({name} ...) in the CMakeLists.txt of the module.")
    return match


def files_in_list(text: str, name: str, module_name: str) -> list[str]:
    """What the list says, `${MODULE_NAME}` replaced and `.py` completed."""
    entries = find_list(text, name)[1].replace("${MODULE_NAME}", module_name).split()
    if name == SCRIPTS:
        entries = [entry if entry.endswith(".py") else f"{entry}.py" for entry in entries]
    return sorted(entries)


def differences(module: Path) -> list[str]:
    """One sentence for each file that is only in the tree or only in a list."""
    text = (module / "CMakeLists.txt").read_text(encoding="utf-8")
    found = []
    for name, files in files_in_tree(module).items():
        listed = files_in_list(text, name, module.name)
        found += [f"{module.name}/{entry} is not in {name}" for entry in files if entry not in listed]
        found += [
            f"{name} of {module.name} names {entry}, which does not exist" for entry in listed if entry not in files
        ]
        found += [f"{name} of {module.name} names {entry} twice" for entry in set(listed) if listed.count(entry) > 1]
    return found


def rewrite(module: Path) -> None:
    """Write the tree's files into the lists."""
    path = module / "CMakeLists.txt"
    text = path.read_text(encoding="utf-8")
    for name, files in files_in_tree(module).items():
        match = find_list(text, name)
        lines = "".join(f"\n  {entry}" for entry in files)
        text = f"{text[: match.start()]}set({name}{lines}\n  ){text[match.end() :]}"
    path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where lists and tree differ")
    check = parser.parse_args().check
    found: list[str] = []
    for module in (ROOT / name for name in MODULES):
        if check:
            found += differences(module)
        elif differences(module):
            rewrite(module)
            print(f"Rewrote the lists in {module.name}/CMakeLists.txt")
    for difference in found:
        print(difference, file=sys.stderr)
    if found:
        print("Run `make cmake-lists`.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
