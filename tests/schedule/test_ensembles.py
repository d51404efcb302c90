"""Random ensembles of the model `simple` (sum and difference) against numpy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repositories import MODELS

import triton_lite

BATCH = 8
WIDTH = 16


@dataclass(frozen=True)
class Step:
    """Two tensors in, by number; the sum, the difference or both out."""

    left: int
    right: int
    gives: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Tensors 0 and 1 are the ensemble's inputs, the others come from the steps in turn."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def config(self) -> str:
        """Write the configuration; steps stand in the reverse order, which must not matter."""
        text = f'platform: "ensemble"\nmax_batch_size: {BATCH}\n'
        for given_name in "AB":
            text += f'input {{ name: "{given_name}" data_type: TYPE_INT32 dims: {WIDTH} }}\n'
        for tensor in self.outputs:
            text += f'output {{ name: "T{tensor}" data_type: TYPE_INT32 dims: {WIDTH} }}\n'
        steps, tensor = [], 2
        for step in self.steps:
            maps = f'input_map {{ key: "INPUT0" value: "{name(step.left)}" }}'
            maps += f' input_map {{ key: "INPUT1" value: "{name(step.right)}" }}'
            for output in step.gives:
                maps += f' output_map {{ key: "{output}" value: "{name(tensor)}" }}'
                tensor += 1
            steps.append(f'step {{ model_name: "simple" model_version: -1 {maps} }}\n')
        return text + "ensemble_scheduling {\n" + "".join(reversed(steps)) + "}\n"

    def evaluate(self, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
        """What each output must be."""
        tensors = [first, second]
        for step in self.steps:
            left, right = tensors[step.left], tensors[step.right]
            tensors += [left + right if output == "OUTPUT0" else left - right for output in step.gives]
        return {name(tensor): tensors[tensor] for tensor in self.outputs}


def name(tensor: int) -> str:
    return "AB"[tensor] if tensor < 2 else f"T{tensor}"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    steps = [Step(0, 1, ("OUTPUT0", "OUTPUT1"))]
    count = 4
    for _ in range(draw(st.integers(0, 8))):
        gives = draw(st.sampled_from([("OUTPUT0",), ("OUTPUT1",), ("OUTPUT0", "OUTPUT1"), ("OUTPUT1", "OUTPUT0")]))
        steps.append(Step(draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1)), gives))
        count += len(gives)
    # A tensor that nobody takes would be refused.
    taken = {tensor for step in steps for tensor in (step.left, step.right)}
    more = draw(st.sets(st.integers(2, count - 1), max_size=3))
    outputs = draw(st.permutations(sorted(more | (set(range(2, count)) - taken))))
    return Graph(tuple(steps), tuple(outputs))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensembles")
    shutil.copytree(MODELS / "simple", folder / "simple")
    (folder / "graph" / "1").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[triton_lite.Server]:
    with triton_lite.Server(repository, model_control_mode="explicit", load_model=["simple"]) as running:
        yield running


@given(graph=graphs(), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_graph(server: triton_lite.Server, repository: Path, graph: Graph, data: st.DataObject) -> None:
    (repository / "graph" / "config.pbtxt").write_text(graph.config())
    server.unload("graph")
    server.load("graph")
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    requests = []
    for _ in range(4):
        rows = data.draw(st.integers(1, BATCH))
        values = [generator.integers(-(2**31), 2**31, (rows, WIDTH), dtype=np.int32) for _ in range(2)]
        wanted = data.draw(st.lists(st.sampled_from(graph.outputs), min_size=1, unique=True))
        requests.append((values, [name(tensor) for tensor in wanted]))

    def infer(request: tuple[list[np.ndarray], list[str]]) -> dict[str, np.ndarray]:
        (first, second), wanted = request
        response = server.model("graph").infer({"A": first, "B": second}, wanted)
        return {output: tensor.to_numpy() for output, tensor in response.outputs.items()}

    with ThreadPoolExecutor(4) as pool:
        for (values, wanted), answer in zip(requests, pool.map(infer, requests), strict=True):
            expected = graph.evaluate(*values)
            assert set(answer) == set(wanted)
            for output in wanted:
                np.testing.assert_array_equal(answer[output], expected[output])
