"""What can be said about the module without running it: layers, strings, and the .ui file against the code."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

import pytest
from PatchICLSegmentLib.Parameters import Parameters

MODULE = Path(__file__).resolve().parents[3] / "PatchICLSegment"
LIBRARY = MODULE / "PatchICLSegmentLib"
EFFECT = MODULE.parent / "SegmentEditorPatchICL"
SOURCES = sorted([MODULE / "PatchICLSegment.py", *LIBRARY.rglob("*.py"), *EFFECT.rglob("*.py")])
UI_FILES = sorted((MODULE / "Resources" / "UI").glob("*.ui"))
FILE_SCOPE_ALLOWED = {
    "slicer",
    "vtk",
    "numpy",
    "qt",
    "ctk",
    "PatchICLLib",
    "PatchICLSegmentLib",
    "SegmentEditorEffects",
}
CUSTOM_CLASSES = {
    "ctkCollapsibleButton",
    "ctkSliderWidget",
    "qMRMLWidget",
    "qMRMLNodeComboBox",
    "qMRMLSegmentEditorWidget",
}


def imports(path: Path, onlyFileScope: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if onlyFileScope else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def testOnlyThePanelKnowsQt(path):
    if "Panel" not in path.parts and path.name != "SegmentEditorEffect.py":
        assert not imports(path, onlyFileScope=False) & {"qt", "ctk"}
    if "Panel" not in path.parts and path.name not in (
        "SlicerSurroundings.py",
        "Installer.py",
        "PatchICLSegment.py",
        "SegmentEditorPatchICL.py",
    ):
        assert "slicer.app" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def testNothingHeavyAtFileScope(path):
    import sys

    assert imports(path, onlyFileScope=True) <= FILE_SCOPE_ALLOWED | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def testFilesAreSmall(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < (120 if path.name == "PatchICLSegment.py" else 300)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def testVisibleStringsAreTranslated(path):
    shown = {
        "SceneError",
        "HardenTransformError",
        "setText",
        "setToolTip",
        "note",
        "problem",
        "confirm",
        "chooseFolder",
    }
    for name, call in calls(path):
        for argument in call.args:
            if name in shown and isinstance(argument, (ast.Constant, ast.JoinedStr)):
                assert getattr(argument, "value", None) == "", f"line {call.lineno}: {ast.unparse(argument)}"
            if name == "_":
                assert isinstance(argument, ast.Constant), f"line {call.lineno}: translated strings are literals"


def rootsOf(*names: str) -> list[ElementTree.Element]:
    return [ElementTree.parse(MODULE / "Resources" / "UI" / name).getroot() for name in names]


PANEL = ("PatchICLSegment.ui", "ActionBar.ui")
OPTIONS = ("PatchICLEffect.ui", "ActionBar.ui")


def testEveryUiFileIsUsed():
    assert {path.name for path in UI_FILES} == {*PANEL, *OPTIONS}


@pytest.mark.parametrize("files", [PANEL, OPTIONS], ids=["panel", "effect"])
def testUiFilesMatchTheCode(files):
    roots = rootsOf(*files)
    names = [widget.get("name") for root in roots for widget in root.iter("widget")]
    assert len(names) == len(set(names))
    ofEffect = {"AnswersRow.py", "EffectOptions.py", "PropagateSection.py", "ReportOffer.py"}
    sources = [path for path in (LIBRARY / "Panel").glob("*.py") if (path.name in ofEffect or files is PANEL)]
    sources = [path for path in sources if path.name != "EffectOptions.py" or files is OPTIONS]
    used = {name for path in sources for name in re.findall(r"\bui\.(\w+)", path.read_text(encoding="utf-8"))}
    if files is PANEL:
        used |= set(re.findall(r"self\.ui\.(\w+)", (LIBRARY / "Story.py").read_text(encoding="utf-8")))
    assert used <= set(names), used - set(names)
    interactive = {
        widget.get("name")
        for root in roots
        for widget in root.iter("widget")
        if widget.get("class") in ("QPushButton", "QTableWidget", "qMRMLNodeComboBox", "qMRMLSegmentEditorWidget")
    }
    assert interactive <= used, f"nothing happens on {interactive - used}"


def boundIn(*files: str) -> list[str]:
    properties = [prop for root in rootsOf(*files) for prop in root.iter("property")]
    return [prop.findtext("string") for prop in properties if prop.get("name") == "SlicerParameterName"]


def testUiFilesBindEveryParameterOnce():
    assert sorted(boundIn(*PANEL)) == sorted(description.name for description in fields(Parameters))
    assert len(set(boundIn(*OPTIONS))) == len(boundIn(*OPTIONS)) and set(boundIn(*OPTIONS)) < set(boundIn(*PANEL))


def testUiFilesKnowTheirCustomClasses():
    known = set()
    for root in rootsOf(*(path.name for path in UI_FILES)):
        declared = {custom.findtext("class") for custom in root.iter("customwidget")}
        used = {widget.get("class") for widget in root.iter("widget") if not widget.get("class").startswith("Q")}
        assert declared == used
        known |= used
        receivers = {
            connection.findtext("receiver")
            for connection in root.iter("connection")
            if connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
        }
        assert receivers == {
            widget.get("name")
            for widget in root.iter("widget")
            if widget.get("class") in ("qMRMLNodeComboBox", "qMRMLSegmentEditorWidget")
        }
    assert known == CUSTOM_CLASSES


@pytest.mark.parametrize("path", UI_FILES, ids=lambda path: path.name)
def testEveryControlExplainsItself(path):
    (root,) = rootsOf(path.name)
    for widget in root.iter("widget"):
        if widget.get("class") in (
            "QPushButton",
            "QCheckBox",
            "QComboBox",
            "QSpinBox",
            "ctkSliderWidget",
            "QTableWidget",
        ):
            tooltips = [prop for prop in widget.findall("property") if prop.get("name") == "toolTip"]
            assert tooltips and tooltips[0].findtext("string"), widget.get("name")


def testShortcutsAreFree():
    """Keys of the Segment Editor and of Slicer's main window."""
    pytest.importorskip("PySide6")
    from Testing.StandIn import PythonQt

    PythonQt.install()
    from PatchICLSegmentLib.Panel.Shortcuts import SHORTCUTS

    editor = {*"1234567890ZYQWI", *(f"Shift+{digit}" for digit in range(10)), "Esc", "Space", "Ctrl+Z", "Ctrl+Y"}
    mainWindow = {f"Ctrl+{key}" for key in "OSWFHNBQ0123456789"} | {"Ctrl+Shift+A", "Ctrl+Shift+O", "Ctrl+Shift+F"}
    assert not set(SHORTCUTS) & (editor | mainWindow)
    tooltips = "".join(path.read_text(encoding="utf-8") for path in UI_FILES)
    for keys in SHORTCUTS:
        assert f"({keys})" in tooltips, f"{keys} is named in a tooltip"


def testTroubleshootingQuotesRealMessages():
    """Every message of the table in the README, with ... for names, stands in the code."""
    table = (MODULE / "README.md").read_text(encoding="utf-8").split("## Troubleshooting")[1].split("##")[0]
    quoted = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(quoted) >= 9
    spoken = []
    for path in SOURCES:
        for name, call in calls(path):
            if name == "_" and isinstance(call.args[0], ast.Constant):
                spoken.append(re.sub(r"\{.*?\}", "...", call.args[0].value))
    for message in quoted:
        assert message in [text.replace("... components", "3 components") for text in spoken], message


def testReadmeShowsPicturesThatExist():
    readme = (MODULE / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", readme)
    assert len(pictures) >= 5 and all((MODULE / picture).exists() for picture in pictures)


def testTestsNamedInTheReadmeExist():
    readme = (MODULE / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", readme)
    assert len(named) > 30
    tests = Path(__file__).parents[1]
    for path, function in named:
        source = tests / path if "/" in path else tests / "slicer_module" / path
        assert f"\ndef {function}(" in source.read_text(encoding="utf-8"), f"{path}::{function}"
    rows = re.findall(r"^\| (\d+)\. ", readme, re.MULTILINE)
    assert rows == [str(number) for number in range(1, 16)]
