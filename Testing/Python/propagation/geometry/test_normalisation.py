"""Intensities on a common scale."""

import pytest
import torch

from PatchICLLib.propagation.geometry.normalisation import Normalisation


def test_percentiles_to_0_and_1_then_standardised() -> None:
    pixels = torch.linspace(0, 100, 10001)
    normalisation = Normalisation.fit(pixels)
    assert (normalisation.low, normalisation.high) == (pytest.approx(1), pytest.approx(99))
    unit = normalisation.unit(torch.tensor([1.0, 50.0, 99.0, -1000.0, 1000.0]))
    torch.testing.assert_close(unit, torch.tensor([0.0, 0.5, 1.0, -0.4, 1.4]))
    standard = normalisation.standard(pixels)
    assert standard.mean().abs() < 1e-4 and standard.std() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize(("scale", "offset"), [(10.0, -1000.0), (0.01, 3.0)])
def test_scale_and_offset_do_not_matter(scale: float, offset: float) -> None:
    pixels = torch.randn(3, 40, 40, generator=torch.Generator().manual_seed(0))
    moved = pixels * scale + offset
    torch.testing.assert_close(
        Normalisation.fit(moved).standard(moved), Normalisation.fit(pixels).standard(pixels), atol=3e-3, rtol=0
    )


def test_outliers_do_not_matter() -> None:
    pixels = torch.randn(2, 60, 60, generator=torch.Generator().manual_seed(0))
    spoilt = pixels.clone()
    spoilt[0, :3, 0] = 1e6
    change = Normalisation.fit(spoilt).standard(pixels) - Normalisation.fit(pixels).standard(pixels)
    assert change.abs().max() < 0.1


def test_a_constant_region_gives_finite_numbers() -> None:
    pixels = torch.full((2, 8, 8), 7.0)
    assert Normalisation.fit(pixels).standard(pixels).isfinite().all()


def test_more_pixels_than_are_looked_at() -> None:
    normalisation = Normalisation.fit(torch.rand(17_000_000, generator=torch.Generator().manual_seed(0)))
    assert normalisation.low == pytest.approx(0.01, abs=5e-3)


def test_contrast_is_spent_around_the_structure() -> None:
    image = torch.zeros(1, 100, 100)
    image[:, 50:] = 1000.0  # bone, far away
    image[:, 10:30, 10:30] = 40.0
    mask = torch.zeros(1, 100, 100)
    mask[:, 10:30, 10:30] = 1
    normalisation = Normalisation.around(image, mask)
    assert (normalisation.low, normalisation.high) == (pytest.approx(0), pytest.approx(40))
    unit = normalisation.unit(torch.tensor([0.0, 20.0, 40.0, 1000.0]))
    torch.testing.assert_close(unit, torch.tensor([0.0, 0.5, 1.0, 1.4]))


def test_nothing_painted_counts_everything() -> None:
    image = torch.rand(2, 30, 30, generator=torch.Generator().manual_seed(0))
    assert Normalisation.around(image, torch.zeros_like(image)) == Normalisation.fit(image)
