"""System shared memory with NVIDIA's own client, over both protocols and all front-end processes."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
import tritonclient.utils.shared_memory as shm
from golden_server import make_models
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

LIBRARIES = {"http": httpclient, "grpc": grpcclient}
SIZE = 64  # Bytes of a tensor of the model `simple`.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = make_models(tmp_path_factory.mktemp("regions"))
    names = ("simple", "identity_fp32", "identity_bytes")
    arguments = [f"--load-model={name}" for name in names]
    with serve(f"--model-repository={repository}", "--model-control-mode=explicit", *arguments) as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.fixture
def client(server: ServerProcess, library: Any) -> Iterator[Any]:
    with connect(server, library) as connected:
        yield connected
        connected.unregister_system_shared_memory()


def connect(server: ServerProcess, library: Any) -> Any:
    return library.InferenceServerClient(server.http if library is httpclient else server.grpc)


@contextlib.contextmanager
def region(name: str, byte_size: int) -> Iterator[Any]:
    handle = shm.create_shared_memory_region(name, f"/tl_{name}_{os.getpid()}", byte_size)
    try:
        yield handle
    finally:
        shm.destroy_shared_memory_region(handle)


def register(client: Any, name: str, byte_size: int, offset: int = 0) -> None:
    client.register_system_shared_memory(name, f"/tl_{name}_{os.getpid()}", byte_size, offset)


def inputs_in(library: Any, name: str, first: int = 0, second: int = SIZE) -> list[Any]:
    inputs = [library.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
    inputs[0].set_shared_memory(name, SIZE, first)
    inputs[1].set_shared_memory(name, SIZE, second)
    return inputs


def outputs_in(library: Any, name: str, byte_size: int = SIZE) -> list[Any]:
    outputs = [library.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
    for i, output in enumerate(outputs):
        output.set_shared_memory(name, byte_size, i * byte_size)
    return outputs


def fill(handle: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.arange(16, dtype=np.int32), np.full(16, 3, np.int32)
    shm.set_shared_memory_region(handle, [first, second])
    return first, second


def test_inputs_and_outputs(client: Any, library: Any) -> None:
    with region("in", 2 * SIZE) as source, region("out", 2 * SIZE) as target:
        register(client, "in", 2 * SIZE)
        register(client, "out", 2 * SIZE)
        first, second = fill(source)
        answer = client.infer("simple", inputs_in(library, "in"), outputs=outputs_in(library, "out"))
        assert answer.get_output("OUTPUT0") is not None
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.int32, [16]), first + second)
        np.testing.assert_array_equal(shm.get_contents_as_numpy(target, np.int32, [16], SIZE), first - second)
        answer = client.infer("simple", inputs_in(library, "in"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)


def test_floating_point_stays_in_place(client: Any, library: Any) -> None:
    values = np.random.default_rng(0).random(1 << 18, np.float32)
    with region("float", values.nbytes) as handle:
        register(client, "float", values.nbytes)
        shm.set_shared_memory_region(handle, [values])
        one = library.InferInput("INPUT0", [1, values.size], "FP32")
        one.set_shared_memory("float", values.nbytes)
        answer = client.infer("identity_fp32", [one])
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], values)
        output = library.InferRequestedOutput("OUTPUT0")
        output.set_shared_memory("float", values.nbytes)
        client.infer("identity_fp32", [one], outputs=[output])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.float32, [values.size]), values)


def test_strings(client: Any, library: Any) -> None:
    values = np.array(["alpha", "", "gamma"], dtype=object)
    with region("strings", 256) as handle:
        register(client, "strings", 256)
        shm.set_shared_memory_region(handle, [serialize_byte_tensor(values)])
        one = library.InferInput("INPUT0", [1, 3], "BYTES")
        one.set_shared_memory("strings", 4 * 3 + len("alphagamma"))
        assert client.infer("identity_bytes", [one]).as_numpy("OUTPUT0").tolist() == [[b"alpha", b"", b"gamma"]]


def test_every_process_sees_every_region(server: ServerProcess) -> None:
    with region("shared", 2 * SIZE) as handle:
        first, second = fill(handle)
        with connect(server, httpclient) as one:
            register(one, "shared", 2 * SIZE)
        for library in LIBRARIES.values():
            for _ in range(4):
                with connect(server, library) as other:
                    answer = other.infer("simple", inputs_in(library, "shared"))
                    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)
        with connect(server, grpcclient) as one:
            one.unregister_system_shared_memory("shared")
        for library in LIBRARIES.values():
            with (
                connect(server, library) as other,
                pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'shared'"),
            ):
                other.infer("simple", inputs_in(library, "shared"))


def test_status(client: Any, library: Any) -> None:
    with region("one", 8192), region("two", 256):
        register(client, "one", 100, 4096)
        register(client, "two", 256)
        status = client.get_system_shared_memory_status()
        named = client.get_system_shared_memory_status("one")
        if library is grpcclient:
            assert sorted(status.regions) == ["one", "two"]
            found = named.regions["one"]
            assert (found.offset, found.byte_size) == (4096, 100)
        else:
            assert [one["name"] for one in status] == ["one", "two"]
            assert named == [{"name": "one", "key": f"/tl_one_{os.getpid()}", "offset": 4096, "byte_size": 100}]
        with pytest.raises(InferenceServerException, match="Unable to find system shared memory region: 'three'"):
            client.get_system_shared_memory_status("three")


def test_faults(client: Any, library: Any) -> None:
    with region("small", 2 * SIZE) as handle:
        register(client, "small", 2 * SIZE)
        fill(handle)
        with pytest.raises(InferenceServerException, match="already in manager"):
            register(client, "small", 2 * SIZE)
        with pytest.raises(InferenceServerException, match="invalid args"):
            client.register_system_shared_memory("other", f"/tl_small_{os.getpid()}", 2 * SIZE + 1)
        with pytest.raises(InferenceServerException, match=r"Invalid offset \+ byte size for shared memory region"):
            client.infer("simple", inputs_in(library, "small", SIZE, SIZE + 4))
        with pytest.raises(InferenceServerException, match=r"\(32 bytes\) should be at least 64 bytes to hold"):
            client.infer("simple", inputs_in(library, "small"), outputs=outputs_in(library, "small", 32))


def test_several_names_and_unlinked_keys(client: Any, library: Any) -> None:
    with region("first", 2 * SIZE) as handle:
        register(client, "first", 2 * SIZE)
        client.register_system_shared_memory("second", f"/tl_first_{os.getpid()}", 2 * SIZE)
        first, second = fill(handle)
    inputs = inputs_in(library, "first")
    inputs[1].set_shared_memory("second", SIZE, SIZE)
    np.testing.assert_array_equal(client.infer("simple", inputs).as_numpy("OUTPUT0")[0], first + second)
    client.unregister_system_shared_memory("first")
    with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'first'"):
        client.infer("simple", inputs)


def test_truncated_region_fails_its_requests_only(client: Any, library: Any) -> None:
    with region("cut", 1 << 16) as handle, region("whole", 2 * SIZE) as other:
        register(client, "cut", 1 << 16)
        register(client, "whole", 2 * SIZE)
        first, second = fill(other)
        fill(handle)
        os.truncate(f"/dev/shm/tl_cut_{os.getpid()}", 0)
        for _ in range(2):
            with pytest.raises(InferenceServerException, match="truncated by its owner"):
                client.infer("simple", inputs_in(library, "cut"))
        with pytest.raises(InferenceServerException, match="truncated by its owner"):
            client.infer("simple", inputs_in(library, "whole"), outputs=outputs_in(library, "cut"))
        answer = client.infer("simple", inputs_in(library, "whole"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)
        os.truncate(f"/dev/shm/tl_cut_{os.getpid()}", 1 << 16)  # Its owner's own mapping is used again below.


def test_cuda_needs_a_gpu(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="failed to register shared memory region: invalid args"):
        client.register_cuda_shared_memory("gpu", base64.b64encode(bytes(64)), 0, 64)
    client.unregister_cuda_shared_memory()


def test_keys_that_clients_may_not_name(client: Any) -> None:
    Path(f"/dev/shm/triton_python_backend_shm_region_{os.getpid()}").write_bytes(bytes(64))
    try:
        with pytest.raises(InferenceServerException, match="contains the reserved prefix"):
            client.register_system_shared_memory("r", f"/triton_python_backend_shm_region_{os.getpid()}", 64)
    finally:
        os.unlink(f"/dev/shm/triton_python_backend_shm_region_{os.getpid()}")
    with pytest.raises(InferenceServerException, match="contains the reserved prefix"):  # And nothing lies there.
        client.register_system_shared_memory("r", "triton_python_backend_shm_region_none", 64)
    with pytest.raises(InferenceServerException, match="invalid shm key"):
        client.register_system_shared_memory("r", "//", 64)


@pytest.mark.parametrize("model", ["simple", "identity_fp32"])
def test_regions_and_tensors_overlap(client: Any, library: Any, model: str) -> None:
    """Two names over one key, one within the other; the output begins in the middle of the input."""
    with region("outer", 8192) as handle:
        register(client, "outer", 8192)
        client.register_system_shared_memory("inner", f"/tl_outer_{os.getpid()}", SIZE, 4096)
        first, second = fill(handle)
        if model == "simple":  # Integers: what was read is not what is written over.
            answer = outputs_in(library, "outer")[:1]
            answer[0].set_shared_memory("outer", SIZE, SIZE // 2)
            client.infer("simple", inputs_in(library, "outer"), outputs=answer)
            np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.int32, [16], SIZE // 2), first + second)
        shm.set_shared_memory_region(handle, [np.arange(16, dtype=np.float32)], 4096)
        one = library.InferInput("INPUT0", [1, 16], "FP32")
        one.set_shared_memory("inner", SIZE)
        same = library.InferRequestedOutput("OUTPUT0")
        same.set_shared_memory("outer", SIZE, 4096)
        client.infer("identity_fp32", [one], outputs=[same])
        np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.float32, [16], 4096), np.arange(16))


def test_a_grown_object_changes_nothing(client: Any, library: Any) -> None:
    with region("grown", 2 * SIZE) as handle:
        register(client, "grown", 2 * SIZE)
        first, second = fill(handle)
        os.truncate(f"/dev/shm/tl_grown_{os.getpid()}", 1 << 20)
        answer = client.infer("simple", inputs_in(library, "grown"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], first + second)
        with pytest.raises(InferenceServerException, match="Invalid offset for shared memory region: 'grown'"):
            client.infer("simple", inputs_in(library, "grown", 0, 2 * SIZE))
        client.register_system_shared_memory("rest", f"/tl_grown_{os.getpid()}", 4096, 4096)


@pytest.fixture
def place() -> Iterator[Path]:
    """A name in the folder of shared memory, for what a client puts there."""
    path = Path(f"/dev/shm/tl_place_{os.getpid()}")
    yield path
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_link_to_file(path: Path) -> None:
    path.symlink_to(Path(__file__))


@pytest.mark.parametrize("make", [Path.mkdir, make_pipe, make_socket, make_link_to_device, make_link_to_file])
def test_what_is_no_regular_file(client: Any, place: Path, make: Any) -> None:
    make(place)
    with pytest.raises(InferenceServerException, match=r"(Unable to open|Invalid) shared memory region: '/tl_place_"):
        client.register_system_shared_memory("r", f"/{place.name}", 64)


def test_keys_lead_nowhere_else(client: Any, place: Path) -> None:
    place.mkdir()
    (place / "inside").write_bytes(bytes(64))
    for key in (
        f"/{place.name}/inside",
        f"/{place.name}/../{place.name}/inside",
        f"/../shm/{place.name}/inside",
        str(place / "inside"),
        "/..",
        "/.",
        "..",
        "/../../etc/passwd",
        "/" + "k" * 4096,
    ):
        with pytest.raises(InferenceServerException) as refused:
            client.register_system_shared_memory("r", key, 64)
        assert refused.value.message() == f"Unable to open shared memory region: '{key}'"


@pytest.mark.parametrize("slashes", ["", "/", "///"])
def test_keys_of_the_server(client: Any, slashes: str) -> None:
    path = Path(f"/dev/shm/triton_lite_{os.getpid()}")
    path.write_bytes(bytes(64))
    try:
        with pytest.raises(InferenceServerException, match="contains the reserved prefix 'triton_lite_'"):
            client.register_system_shared_memory("r", slashes + path.name, 64)
    finally:
        path.unlink()


def test_unregistering_is_by_name_or_all(client: Any, library: Any) -> None:
    with region("a", SIZE), region("b", SIZE), region("c", SIZE):
        for name in ("a", "b", "c"):
            register(client, name, SIZE)
        client.unregister_system_shared_memory("b")
        client.unregister_system_shared_memory("b")
        client.unregister_system_shared_memory("never registered")
        client.unregister_cuda_shared_memory()
        assert registered(client, library) == {"a", "c"}
        register(client, "b", SIZE)
        client.unregister_system_shared_memory()
        assert registered(client, library) == set()


def registered(client: Any, library: Any) -> set[str]:
    status = client.get_system_shared_memory_status()
    return set(status.regions) if library is grpcclient else {one["name"] for one in status}


_PYTHON = """\
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        for add, name in ((config.add_input, "INPUT0"), (config.add_output, "OUTPUT0")):
            add({"name": name, "data_type": "TYPE_INT32", "dims": [-1]})
        config.set_max_batch_size(0)
        return config

    def execute(self, requests):
        arrays = [pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array + np.int32(1))]) for array in arrays]
"""


def check_numbers(client: Any, library: Any, count: int) -> None:
    """With the output behind, amid and over the input, and where nothing is left of the region."""
    values = np.arange(count, dtype=np.int32)
    name = f"numbers{count}"
    one = library.InferInput("INPUT0", [count], "INT32")
    one.set_shared_memory(name, values.nbytes)
    with region(name, 2 * values.nbytes) as handle:
        register(client, name, 2 * values.nbytes)
        for offset in (values.nbytes, values.nbytes // 2, 0):
            shm.set_shared_memory_region(handle, [values])
            output = library.InferRequestedOutput("OUTPUT0")
            output.set_shared_memory(name, values.nbytes, offset)
            client.infer("plus", [one], outputs=[output])
            np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.int32, [count], offset), values + 1)
        os.truncate(f"/dev/shm/tl_{name}_{os.getpid()}", 0)
        for _ in range(2):
            with pytest.raises(InferenceServerException, match="truncated by its owner"):
                client.infer("plus", [one])
        one.set_data_from_numpy(values)
        np.testing.assert_array_equal(client.infer("plus", [one]).as_numpy("OUTPUT0"), values + 1)
        os.truncate(f"/dev/shm/tl_{name}_{os.getpid()}", 2 * values.nbytes)  # As above.


def test_numbers_of_a_python_model(tmp_path: Path, library: Any) -> None:
    (tmp_path / "plus" / "1").mkdir(parents=True)
    (tmp_path / "plus" / "1" / "model.py").write_text(_PYTHON)
    with serve(f"--model-repository={tmp_path}") as server, connect(server, library) as client:
        for count in (16, 1 << 18):  # In the message, and in the engine's memory.
            check_numbers(client, library, count)


_IDENTITY = """\
backend: "identity"
max_batch_size: 0
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
parameters [ {{ key: "execute_delay_ms" value: {{ string_value: "{delay}" }} }} ]
input [ {{ name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] }} ]
output [ {{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] }} ]
"""


def write_identities(repository: Path) -> Path:
    for name, delay in (("quick", 0), ("slow", 1500)):
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(_IDENTITY.format(delay=delay))
    return repository


def wait_until_one_waits(server: ServerProcess, model: str) -> None:
    """Return when a request waits for its turn, while another one runs."""
    wanted = re.compile(rf'^nv_inference_pending_request_count{{model="{model}",version="1"}} 1$', re.MULTILINE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
            if wanted.search(page.read().decode()):
                return
    raise AssertionError("no request waits")


def test_unregistered_during_inference_and_restarted(tmp_path: Path, library: Any) -> None:
    """What is in use stays until nobody uses it. A server that is started again knows no region."""
    arguments = (f"--model-repository={write_identities(tmp_path)}", "--metrics-interval-ms=50")
    values = np.arange(16, dtype=np.float32)
    one = library.InferInput("INPUT0", [16], "FP32")
    one.set_shared_memory("used", SIZE)
    output = library.InferRequestedOutput("OUTPUT0")
    output.set_shared_memory("used", SIZE, SIZE)

    def infer(server: ServerProcess, model: str) -> None:
        with connect(server, library) as client:
            client.infer(model, [one], outputs=[output])

    with region("used", 2 * SIZE) as handle, region("idle", SIZE):
        shm.set_shared_memory_region(handle, [values])
        with serve(*arguments) as server, connect(server, library) as client, ThreadPoolExecutor(2) as threads:
            register(client, "used", 2 * SIZE)
            register(client, "idle", SIZE)
            under_way = [threads.submit(infer, server, "slow") for _ in range(2)]
            wait_until_one_waits(server, "slow")
            client.unregister_system_shared_memory()
            assert registered(client, library) == {"used"}
            with pytest.raises(InferenceServerException, match="already in manager"):
                register(client, "used", 2 * SIZE)
            infer(server, "quick")
            for each in under_way:
                each.result()
            np.testing.assert_array_equal(shm.get_contents_as_numpy(handle, np.float32, [16], SIZE), values)
            assert registered(client, library) == set()
            with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'used'"):
                infer(server, "quick")
            register(client, "used", 2 * SIZE)
            infer(server, "quick")
        with serve(*arguments) as server, connect(server, library) as client:
            assert registered(client, library) == set()
            with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'used'"):
                infer(server, "quick")
            register(client, "used", 2 * SIZE)
            infer(server, "quick")


def test_nobody_may_where_it_is_disabled(tmp_path: Path, library: Any) -> None:
    repository = make_models(tmp_path)
    arguments = ["--model-control-mode=explicit", "--load-model=simple", "--allow-client-shm=false"]
    with (
        serve(f"--model-repository={repository}", *arguments) as disabled,
        connect(disabled, library) as client,
        region("never", SIZE),
    ):
        for refused in (
            lambda: register(client, "never", SIZE),
            client.unregister_system_shared_memory,
            lambda: client.register_cuda_shared_memory("never", base64.b64encode(bytes(64)), 0, SIZE),
            client.unregister_cuda_shared_memory,
        ):
            with pytest.raises(InferenceServerException, match="Client shared memory is disabled"):
                refused()
        client.get_system_shared_memory_status()
        with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'never'"):
            client.infer("simple", inputs_in(library, "never"))
