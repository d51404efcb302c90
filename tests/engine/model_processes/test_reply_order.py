"""dynamic_batching.preserve_ordering with models that answer when their batch is long over."""

import asyncio

import numpy as np
import pytest
from serving import CONFIG, serving, write_model

# What came first is answered last, when all have come.
LATE = """\
def initialize(self, args):
    self.senders = []

def answer(self):
    for sender, value in self.senders[1:] + self.senders[:1]:
        sender.send(pb.InferenceResponse([pb.Tensor("OUT", value)]), pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""
EXECUTE = """\
def execute(self, requests):
    for request in requests:
        self.senders.append((request.get_response_sender(), pb.get_input_tensor_by_name(request, "IN").as_numpy()))
    if len(self.senders) == 3:
        threading.Thread(target=self.answer).start()
"""


async def order_of_answers(model):
    order = []

    async def ask(number):
        async for answer in model.stream_async({"IN": np.full((1, 4), number, np.float32)}):
            assert (answer.outputs["OUT"].to_numpy() == number).all()
            order.append(number)

    await asyncio.gather(*map(ask, range(3)))
    return order


@pytest.mark.parametrize("decoupled", ["false", "true"])
@pytest.mark.parametrize(("ordered", "order"), [("false", [1, 2, 0]), ("true", [0, 1, 2])])
def test_answers_leave_in_the_order_of_their_requests(tmp_path, decoupled, ordered, order):
    config = (
        f"{CONFIG} max_batch_size: 1 dynamic_batching {{ preserve_ordering: {ordered} }} "
        f"model_transaction_policy {{ decoupled: {decoupled} }}"
    )
    write_model(tmp_path, methods=LATE, config=config, execute=EXECUTE)
    with serving(tmp_path) as server:
        assert asyncio.run(order_of_answers(server.model("m"))) == order
