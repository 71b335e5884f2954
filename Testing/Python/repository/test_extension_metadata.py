"""The same facts stand in CMakeLists.txt, patchicl.s4ext, the catalogue entry and pyproject.toml."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from PatchICLLib.version import __version__

RAW_PREFIX = "https://raw.githubusercontent.com/PatchICL/SlicerPatchICL/main/"
# slicer-extension-catalog-entry-schema-v1.0.2: no other key is allowed.
CATALOGUE_KEYS = {
    "$schema", "build_dependencies", "build_subdirectory", "category", "dicom_support_rule", "enabled",
    "scm_revision", "scm_type", "scm_url", "tier",
}  # fmt: skip


@pytest.fixture(scope="module")
def cmake(repository: Path) -> dict[str, str]:
    text = (repository / "CMakeLists.txt").read_text(encoding="utf-8")
    facts = dict(re.findall(r'set\(EXTENSION_(\w+) "([^"]*)"\)', text))
    facts["PROJECT"] = re.search(r"project\((\w+)\)", text)[1]
    return facts


@pytest.fixture(scope="module")
def s4ext(repository: Path) -> dict[str, str]:
    lines = (repository / "patchicl.s4ext").read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> dict[str, object]:
    return json.loads((repository / "Resources" / "Catalog" / "PatchICL.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "cmake_key, s4ext_key",
    [
        ("HOMEPAGE", "homepage"),
        ("CATEGORY", "category"),
        ("CONTRIBUTORS", "contributors"),
        ("DESCRIPTION", "description"),
        ("ICONURL", "iconurl"),
        ("SCREENSHOTURLS", "screenshoturls"),
        ("DEPENDS", "depends"),
    ],
)
def test_s4ext_agrees_with_cmake(cmake: dict[str, str], s4ext: dict[str, str], cmake_key: str, s4ext_key: str) -> None:
    assert s4ext[s4ext_key] == cmake[cmake_key]


def test_catalogue_entry_agrees_with_s4ext(catalogue: dict[str, object], s4ext: dict[str, str]) -> None:
    assert catalogue["scm_url"] == s4ext["scmurl"]
    assert catalogue["scm_type"] == s4ext["scm"]
    assert catalogue["scm_revision"] == s4ext["scmrevision"]
    assert catalogue["category"] == s4ext["category"]
    assert catalogue["build_subdirectory"] == s4ext["build_subdirectory"]
    assert catalogue["build_dependencies"] == s4ext["depends"].split()
    assert catalogue["tier"] == int(s4ext["tier"])
    assert catalogue["enabled"] == bool(int(s4ext["enabled"]))


def test_catalogue_entry_has_only_keys_of_the_schema(catalogue: dict[str, object]) -> None:
    assert {"$schema", "category", "scm_url"} <= set(catalogue) <= CATALOGUE_KEYS


def test_catalogue_entry_is_named_like_the_project(repository: Path, cmake: dict[str, str]) -> None:
    assert (repository / "Resources" / "Catalog" / f"{cmake['PROJECT']}.json").is_file()


def test_repository_name_starts_with_slicer_as_the_index_demands(catalogue: dict[str, object]) -> None:
    assert str(catalogue["scm_url"]).rsplit("/", 1)[1] == "SlicerPatchICL.git"


def test_python_package_names_the_same_homepage(repository: Path, cmake: dict[str, str]) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Homepage"] == cmake["HOMEPAGE"]


def test_the_version_is_told_alike(repository: Path) -> None:
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == __version__
    changes = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == __version__


@pytest.mark.parametrize("name", ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE"])
def test_what_people_look_for_at_the_top_is_there_and_in_the_sdist(repository: Path, name: str) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert (repository / name).is_file()
    assert f"/{name}" in project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


@pytest.mark.parametrize("key", ["ICONURL", "SCREENSHOTURLS"])
def test_pictures_of_the_catalogue_exist(repository: Path, cmake: dict[str, str], key: str) -> None:
    for url in cmake[key].split():
        assert url.startswith(RAW_PREFIX)
        assert (repository / url.removeprefix(RAW_PREFIX)).is_file(), url
