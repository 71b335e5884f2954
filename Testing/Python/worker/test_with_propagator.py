"""The real engine in the worker: the same masks, the model loaded once, cancel heard while the network computes."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from PatchICLLib import Propagator
from PatchICLLib.errors import InputError
from PatchICLLib.propagation import PropagationResult
from PatchICLLib.worker import InProcessWorker, WorkerClient
from Testing.Miniatures.same_logits import assert_same_logits

from .conftest import events_of, wait_for_progress, wait_until

Case = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    with WorkerClient(device="cpu", environment={"OMP_NUM_THREADS": "1"}) as client:
        yield client


@pytest.fixture(scope="module")
def case(phantom: object) -> Case:
    """The phantom with labels 1 and 2 painted on two slices each."""
    painted = np.zeros_like(phantom.labels)
    for label, slices in ((1, (5, 12)), (2, (7, 11))):
        for index in slices:
            painted[index][phantom.labels[index] == label] = label
    return phantom.image, painted, phantom.spacing


@pytest.fixture(scope="module")
def direct(case: Case) -> PropagationResult:
    return Propagator.from_pretrained(device="cpu").propagate(*case, extent="painted")


def test_health_names_the_weights(client: WorkerClient, direct: PropagationResult) -> None:
    health = client.health()
    assert health["weights"] == direct.report["weights"]
    assert health["device"] == "cpu"
    assert health["torch"]


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_same_result_as_without_a_worker(
    kind: str, client: WorkerClient, case: Case, direct: PropagationResult
) -> None:
    if kind == "process":
        result = client.run(*case, extent="painted")
    else:
        with InProcessWorker(device="cpu") as worker:
            result = worker.run(*case, extent="painted")
    np.testing.assert_array_equal(result.labels, direct.labels)
    assert result.boxes == direct.boxes and result.logits is None
    np.testing.assert_array_equal(result.probability, direct.probability)
    np.testing.assert_array_equal(result.entropy, direct.entropy)
    assert result.selections == direct.selections
    assert {**result.report, "timings": None} == {**direct.report, "timings": None}


def test_layers_come_back_as_layers(client: WorkerClient, case: Case) -> None:
    image, painted, spacing = case
    layers = np.stack([np.where(painted == label, painted, 0) for label in (1, 2)])
    direct = Propagator.from_pretrained(device="cpu").propagate(image, layers, spacing, extent="painted")
    result = client.run(image, layers, spacing, extent="painted")
    np.testing.assert_array_equal(result.labels, direct.labels)
    np.testing.assert_array_equal(result.entropy, direct.entropy)
    assert result.boxes == direct.boxes and result.labels.shape == layers.shape


def test_second_job_recalls_the_slices_of_the_first(client: WorkerClient, case: Case) -> None:
    client.run(*case, extent="painted")
    timings = client.run(*case, extent="painted").report["timings"]
    assert timings["computed_slices"] == 0
    assert timings["recalled_slices"] > 0


@pytest.mark.parametrize("given", [list, np.array])
def test_logits_of_levels_come_through_shared_memory(
    client: WorkerClient, case: Case, given: Callable[[list[int]], Any]
) -> None:
    options = {"extent": "painted", "logits_slices": given([8, 9]), "outputs": frozenset({"entropy"})}
    options["labels"] = given([1, 2])
    direct = Propagator.from_pretrained(device="cpu").propagate(*case, **options)
    result = client.run(*case, **options)
    assert direct.logits and result.logits and len(result.logits) == 4, "two slices, two labels"
    assert_same_logits(direct.logits, result.logits)


def test_settings_of_the_network_reach_it(client: WorkerClient, case: Case) -> None:
    region = ((0, 17), (3, 30), (3, 30))
    report = client.run(*case, extent=(6, 7), patch_budget=0.5, field_of_view=2.0, region=region).report
    assert (report["patch_budget"], report["field_of_view"]) == (0.5, 2.0)
    assert report["region"] == [list(span) for span in region]


def test_progress_shows_every_slice_that_the_result_fills(client: WorkerClient, case: Case) -> None:
    shown = case[1].copy()

    def show(progress: object) -> None:
        if progress.slice_index is not None:
            shown[progress.slice_index] = progress.slice_labels

    result = client.run(*case, progress=show, extent="painted")
    np.testing.assert_array_equal(shown, result.labels)


def test_bad_input_is_the_engines_sentence(client: WorkerClient, case: Case) -> None:
    image, painted, spacing = case
    with pytest.raises(InputError, match="^The axis must be 0"):
        client.run(image, painted, spacing, axis=3)
    with pytest.raises(InputError, match="^Nothing is painted"):
        client.run(image, np.zeros_like(painted), spacing)


def test_cancel_while_the_network_computes(client: WorkerClient, case: Case) -> None:
    image, painted = (np.kron(array, np.ones((6, 3, 3), array.dtype)) for array in case[:2])
    job = client.propagate(image, painted, case[2], seed=1)
    wait_for_progress(client)
    asked = time.monotonic()
    client.cancel()
    last = events_of(client, job)[-1]
    assert time.monotonic() - asked < 3.0  # one second on a machine that does nothing else
    assert last.kind == "cancelled"
    if last.result is not None:
        assert last.result.report["complete"] is False
        np.testing.assert_array_equal(last.result.labels[painted > 0], painted[painted > 0])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_engine_holds_on_to_no_shared_memory(client: WorkerClient, case: Case) -> None:
    client.run(*case, extent="painted")
    time.sleep(0.5)  # the result comes before the worker has tidied up
    before = len(os.listdir(f"/proc/{client.health()['pid']}/fd"))
    for seed in range(2):
        client.run(*case, seed=seed, labels=[1], extent=(6, 7))
    wait_until(lambda: len(os.listdir(f"/proc/{client.health()['pid']}/fd")) == before)
