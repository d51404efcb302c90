"""PyTriton's quick start on triton_lite: a function becomes a model, and a client asks it (docs/functions.md).

Run: python examples/function/quick_start.py   (needs tritonclient[http])
"""

# Lines that are as they were there stay as they are.
# fmt: off
# ruff: noqa: D103
import numpy as np
from tritonclient.http import InferenceServerClient, InferInput

from triton_lite import Server, Tensor

triton = Server()

@triton.model(
    name="Linear",
    inputs=[Tensor(name="data", dtype=np.float32, shape=(-1,)),],
    outputs=[Tensor(name="result", dtype=np.float32, shape=(-1,)),],
)
def infer_fn(data):
    result = data * np.array([[-1]], dtype=np.float32)  # Process inputs and produce result
    return [result]

serving = triton.serve()

client = InferenceServerClient(f"localhost:{serving.http_port}")
data = np.array([1, 2, ], dtype=np.float32)
sample = InferInput("data", [1, 2], "FP32").set_data_from_numpy(data[np.newaxis])
print({"result": client.infer("Linear", [sample]).as_numpy("result")[0]})

client.close()
triton.stop()
