"""What models compute on the GPU, with tensors that lie there and with tensors that do not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gpu_models
import gpu_regions
import numpy as np
import pytest
from gpu_models import COLUMNS, DEPTH, IMAGE, STATE, WIDTH
from gpu_regions import gpu_region, output_in, output_shape, placed, plain
from server_process import ServerProcess

MEBIBYTE = 1 << 20
TF32 = 0.05
"""The error of products of 256 pairs whose factors have 10 bits."""
THREADS, ROUNDS = 16, 20


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def run(client: Any, library: Any, model: str, values: np.ndarray, name: str = "X") -> Any:
    return client.infer(model, [plain(library, name, values)])


@pytest.mark.parametrize(("model", "error"), [("matmul", TF32), ("matmul_exact", 1e-4)])
@pytest.mark.parametrize("rows", [1, 3, 8])
def test_products(client: Any, library: Any, model: str, error: float, rows: int) -> None:
    values = random(rows, DEPTH)
    expected = values @ gpu_models.weights()
    np.testing.assert_allclose(run(client, library, model, values).as_numpy("Y"), expected, atol=error)
    with gpu_region(client, values.nbytes) as source, gpu_region(client, expected.nbytes) as target:
        source.write(values)
        inputs = [placed(library, "X", [rows, DEPTH], source, values.nbytes)]
        client.infer(model, inputs, outputs=[output_in(library, "Y", target, expected.nbytes)])
        found = target.read(np.float32, rows * COLUMNS).reshape(rows, COLUMNS)
        np.testing.assert_allclose(found, expected, atol=error)


def test_a_convolution(client: Any, library: Any) -> None:
    values, kernels = random(2, 3, IMAGE, IMAGE), gpu_models.kernels()
    windows = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(2, 3))
    expected = np.einsum("bcijkl,fckl->bfij", windows, kernels)
    np.testing.assert_allclose(run(client, library, "convolution", values).as_numpy("Y"), expected, atol=1e-3)


@pytest.mark.parametrize("count", [1, 1000, 4 * MEBIBYTE])
def test_sizes_that_the_configuration_leaves_open(client: Any, library: Any, count: int) -> None:
    values = random(count)
    with gpu_region(client, 2 * values.nbytes) as region:
        region.write(values)
        inputs = [placed(library, "X", [count], region, values.nbytes)]
        answer = client.infer(
            "identity_fp32", inputs, outputs=[output_in(library, "Y", region, values.nbytes, values.nbytes)]
        )
        assert output_shape(answer, "Y") == [count]
        np.testing.assert_array_equal(region.read(np.float32, count, values.nbytes), values)
        np.testing.assert_array_equal(client.infer("identity_fp32", inputs).as_numpy("Y"), values)


def test_sizes_that_only_the_model_knows(client: Any, library: Any) -> None:
    values = np.array([0, 1, 0, 0, 5, 7, 0], np.float32)
    assert run(client, library, "nonzero", values).as_numpy("Y").tolist() == [[1, 4, 5]]
    with gpu_region(client, 4096) as region:
        region.write(values)
        inputs = [placed(library, "X", [7], region, values.nbytes)]
        answer = client.infer("nonzero", inputs, outputs=[output_in(library, "Y", region, 1024, 1024)])
        assert output_shape(answer, "Y") == [1, 3]
        assert region.read(np.int64, 3, 1024).tolist() == [1, 4, 5]
    assert run(client, library, "nonzero", np.zeros(3, np.float32)).as_numpy("Y").shape == (1, 0)


def test_an_output_that_is_made_on_the_cpu(client: Any, library: Any) -> None:
    values = random(3, 5)
    answer = run(client, library, "shape_of", values)
    assert answer.as_numpy("S").tolist() == [3, 5]
    np.testing.assert_array_equal(answer.as_numpy("Y"), 2 * values)
    with gpu_region(client, 4096) as region:
        region.write(values)
        outputs = [output_in(library, "S", region, 16, 1024), output_in(library, "Y", region, values.nbytes, 2048)]
        client.infer("shape_of", [placed(library, "X", [3, 5], region, values.nbytes)], outputs=outputs)
        assert region.read(np.int64, 2, 1024).tolist() == [3, 5]
        np.testing.assert_array_equal(region.read(np.float32, 15, 2048), 2 * values.ravel())


def test_indices(client: Any, library: Any) -> None:
    indices = np.array([7, 0, 99, 7], np.int64)
    expected = gpu_models.table()[indices]
    np.testing.assert_array_equal(run(client, library, "int_gather", indices, "INDICES").as_numpy("Y"), expected)
    with gpu_region(client, 4096) as region:
        region.write(indices, offset=8)
        inputs = [placed(library, "INDICES", [4], region, indices.nbytes, 8, datatype="INT64")]
        client.infer("int_gather", inputs, outputs=[output_in(library, "Y", region, expected.nbytes, 1024)])
        np.testing.assert_array_equal(region.read(np.float32, expected.size, 1024), expected.ravel())


def executions(client: Any, model: str) -> tuple[int, int]:
    """Requests that succeeded, and runs of the model for them."""
    statistics = client.get_inference_statistics(model)
    if isinstance(statistics, dict):
        one = statistics["model_stats"][0]
        return int(one["inference_stats"]["success"]["count"]), int(one["execution_count"])
    return statistics.model_stats[0].inference_stats.success.count, statistics.model_stats[0].execution_count


@pytest.mark.parametrize("model", ["add_sub", "add_sub_cpu"])
def test_batches_of_requests_from_everywhere(gpu_server: ServerProcess, client: Any, library: Any, model: str) -> None:
    """Threads whose tensors lie on the GPU, at addresses good and bad, or in their requests."""
    size, part = 4 * WIDTH, 1024
    values = [(random(1, WIDTH, seed=i), random(1, WIDTH, seed=100 + i)) for i in range(THREADS)]
    ready = threading.Barrier(THREADS, timeout=60)

    def work(i: int) -> list[np.ndarray]:
        found = []
        at = part * i + (4 if i % 4 == 1 else 0)
        with gpu_regions.connect(gpu_server, library) as mine:
            inputs = [
                plain(library, f"INPUT{k}", values[i][k])
                if i % 4 == 3
                else placed(library, f"INPUT{k}", [1, WIDTH], source, size, at + k * size)
                for k in range(2)
            ]
            outputs = [output_in(library, "OUTPUT0", target, size, at)] if i % 2 == 0 else []
            outputs.append(library.InferRequestedOutput("OUTPUT1"))
            ready.wait()
            for _ in range(ROUNDS):
                found.append(mine.infer(model, inputs, outputs=outputs).as_numpy("OUTPUT1"))
        return found

    whole = np.zeros(part * THREADS, np.uint8)
    for i, (first, second) in enumerate(values):
        at = part * i + (4 if i % 4 == 1 else 0)
        whole[at : at + 2 * size] = np.frombuffer(first.tobytes() + second.tobytes(), np.uint8)
    requests, runs = executions(client, model)
    with gpu_region(client, whole.nbytes) as source, gpu_region(client, whole.nbytes) as target:
        source.write(whole)
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(work, range(THREADS), timeout=120))
        for i, (first, second) in enumerate(values):
            for answer in answers[i]:
                np.testing.assert_array_equal(answer, first - second)
            if i % 2 == 0:
                np.testing.assert_array_equal(target.read(np.float32, WIDTH, part * i), (first + second)[0])
    requests_after, runs_after = executions(client, model)
    assert requests_after - requests == THREADS * ROUNDS
    assert runs_after - runs < THREADS * ROUNDS


def test_states_of_sequences(client: Any, library: Any) -> None:
    """Two sequences at a time, one of them with its input and output on the GPU."""
    parts = {number: [random(1, STATE, seed=10 * number + i) for i in range(6)] for number in (1, 2)}
    size = 4 * STATE
    with gpu_region(client, 2 * size) as region:
        for i in range(6):
            marks = {"sequence_start": i == 0, "sequence_end": i == 5}
            sums = {number: np.sum(parts[number][: i + 1], axis=0, dtype=np.float32) for number in parts}
            answer = client.infer("accumulator", [plain(library, "INPUT", parts[1][i])], sequence_id=71, **marks)
            np.testing.assert_allclose(answer.as_numpy("OUTPUT"), sums[1], atol=1e-5)
            region.write(parts[2][i])
            client.infer(
                "accumulator",
                [placed(library, "INPUT", [1, STATE], region, size)],
                outputs=[output_in(library, "OUTPUT", region, size, size)],
                sequence_id=72,
                **marks,
            )
            np.testing.assert_allclose(region.read(np.float32, STATE, size), sums[2][0], atol=1e-5)


def test_states_of_sequences_in_one_batch(gpu_server: ServerProcess, library: Any) -> None:
    def work(number: int) -> None:
        total = np.zeros((1, STATE), np.float32)
        with gpu_regions.connect(gpu_server, library) as mine:
            for i in range(ROUNDS):
                part = random(1, STATE, seed=100 * number + i)
                total += part
                marks = {"sequence_start": i == 0, "sequence_end": i == ROUNDS - 1}
                inputs = [plain(library, "INPUT", part)]
                answer = mine.infer("accumulator", inputs, sequence_id=100 + number, **marks)
                np.testing.assert_allclose(answer.as_numpy("OUTPUT"), total, atol=1e-5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8), timeout=120))


def test_an_ensemble_across_gpu_and_cpu(client: Any, library: Any) -> None:
    first, second = random(4, WIDTH), random(4, WIDTH, seed=1)
    total, doubled = first + second, 2 * (first - second)
    answer = client.infer("chain", [plain(library, "INPUT0", first), plain(library, "INPUT1", second)])
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), total + doubled)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), total - doubled)
    size = first.nbytes
    with gpu_region(client, 4 * size) as region:
        region.write(first, second)
        inputs = [placed(library, f"INPUT{i}", [4, WIDTH], region, size, i * size) for i in range(2)]
        outputs = [output_in(library, f"OUTPUT{i}", region, size, (2 + i) * size) for i in range(2)]
        client.infer("chain", inputs, outputs=outputs)
        np.testing.assert_array_equal(region.read(np.float32, first.size, 2 * size), (total + doubled).ravel())
        np.testing.assert_array_equal(region.read(np.float32, first.size, 3 * size), (total - doubled).ravel())
