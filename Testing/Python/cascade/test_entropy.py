"""Eq. 1: the binary entropy of a prediction in bits, and its mean over candidate patches."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.entropy import binary_entropy, patch_means


def entropy_in_decimal(logit: float) -> float:
    """-p log2 p - q log2 q with 60 digits, p = 1 / (1 + exp(-logit))."""
    with localcontext() as context:
        context.prec = 60
        p = 1 / (1 + (-Decimal(logit)).exp())
        q = 1 / (1 + Decimal(logit).exp())
        return float(-(p * p.ln() + q * q.ln()) / Decimal(2).ln())


@given(st.floats(-80, 80))
def test_entropy_is_exact_to_rounding(logit):
    ours = binary_entropy(torch.tensor(logit, dtype=torch.float64)).item()
    assert ours == pytest.approx(entropy_in_decimal(logit), rel=1e-12, abs=1e-300)


@given(st.floats(-80, 80, width=32))
def test_single_precision_keeps_the_digits_where_the_probability_rounds_to_0_or_1(logit):
    assert binary_entropy(torch.tensor(logit)).item() == pytest.approx(entropy_in_decimal(logit), rel=2e-4, abs=1e-37)


def test_never_more_than_one_bit():
    bits = binary_entropy(torch.linspace(-0.01, 0.01, 20001))
    assert bits.max() == 1 and bits.min() > 0.9999


def test_an_undecided_pixel_has_one_bit():
    assert binary_entropy(torch.zeros(3)).tolist() == [1, 1, 1]
    # p = 3/4: 2 - 3/4 log2(3)
    assert binary_entropy(torch.tensor(math.log(3.0))).item() == pytest.approx(2 - 0.75 * math.log2(3))


@pytest.mark.parametrize("logit", [1e3, 1e10, 1e30])
def test_certainty_has_none_and_no_gradient(logit):
    logits = torch.tensor([logit, -logit], requires_grad=True)
    entropy = binary_entropy(logits)
    entropy.sum().backward()
    assert entropy.tolist() == [0, 0]
    assert logits.grad.tolist() == [0, 0]


def test_entropy_is_even_and_falls_with_certainty():
    logits = torch.linspace(0, 20, 200)
    entropy = binary_entropy(logits)
    torch.testing.assert_close(entropy, binary_entropy(-logits))
    assert (entropy.diff() < 0).all()


@pytest.mark.parametrize(("size", "patch", "stride"), [(32, 8, 8), (32, 8, 4), (24, 8, 16), (16, 16, 16), (20, 4, 2)])
def test_patch_means_are_means_of_slices_row_by_row(size, patch, stride):
    field = torch.randn(3, 1, size, size, dtype=torch.float64)
    starts = range(0, size - patch + 1, stride)
    expected = [
        [field[n, 0, r : r + patch, c : c + patch].numpy().mean() for r in starts for c in starts] for n in range(3)
    ]
    np.testing.assert_allclose(patch_means(field, patch, stride), expected, rtol=1e-12)
