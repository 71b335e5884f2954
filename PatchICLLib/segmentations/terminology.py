"""What a segment is, in codes: DICOM's segment description and Slicer's terminology entry, each from the other.

Slicer's tag reads ``context~category~type~modifier~region context~region~region modifier``, each code as
``scheme^value^meaning`` (vtkSlicerTerminologiesModuleLogic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Code:
    """A coded concept: SCT, 10200004, Liver."""

    scheme: str
    value: str
    meaning: str

    @classmethod
    def of_text(cls, text: str) -> Code | None:
        """From ``scheme^value^meaning``; None where there is no code."""
        parts = text.split("^")
        return cls(*parts) if len(parts) == 3 and parts[0] and parts[1] else None

    @classmethod
    def of_item(cls, item: Any) -> Code:
        """From a data set of a code sequence."""
        value = item.get("CodeValue") or item.get("LongCodeValue") or ""
        return cls(str(item.get("CodingSchemeDesignator", "")), str(value), str(item.get("CodeMeaning", "")))

    def coded(self) -> Any:
        """As pydicom has it."""
        from pydicom.sr.coding import Code as Coded

        return Coded(self.value, self.scheme, self.meaning or self.value)

    def __str__(self) -> str:
        return f"{self.scheme}^{self.value}^{self.meaning}"


TISSUE = Code("SCT", "85756007", "Tissue")


@dataclass(frozen=True)
class Terminology:
    """Category and type of a structure, and the region of the body that it lies in, if that is said.

    The modifiers say which of several: left, right.
    """

    category: Code = TISSUE
    kind: Code = TISSUE
    region: Code | None = None
    modifier: Code | None = None
    region_modifier: Code | None = None

    @classmethod
    def of_tag(cls, tag: str) -> Terminology:
        """From Slicer's tag; tissue where it says nothing that can be read."""
        parts = (tag.split("~") + [""] * 7)[:7]
        category, kind = Code.of_text(parts[1]), Code.of_text(parts[2])
        if category is None or kind is None:
            return cls()
        return cls(category, kind, *(Code.of_text(parts[place]) for place in (5, 3, 6)))

    @classmethod
    def of_item(cls, item: Any) -> Terminology:
        """From an item of DICOM's segment sequence."""
        kind = item.SegmentedPropertyTypeCodeSequence[0]
        region = next(iter(item.get("AnatomicRegionSequence") or ()), None)
        return cls(
            Code.of_item(item.SegmentedPropertyCategoryCodeSequence[0]),
            Code.of_item(kind),
            None if region is None else Code.of_item(region),
            _first(kind, "SegmentedPropertyTypeModifierCodeSequence"),
            None if region is None else _first(region, "AnatomicRegionModifierSequence"),
        )

    def tag(self) -> str:
        """As Slicer keeps it with a segment."""
        modifier, region, region_modifier = (
            str(code) if code else "^^" for code in (self.modifier, self.region, self.region_modifier)
        )
        return (
            f"Segmentation category and type - 3D Slicer General Anatomy list~{self.category}~{self.kind}~{modifier}~"
            f"Anatomic codes - DICOM master list~{region}~{region_modifier}"
        )


def _first(item: Any, sequence: str) -> Code | None:
    codes = item.get(sequence)
    return Code.of_item(codes[0]) if codes else None
