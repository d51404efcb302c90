"""Metrics of the model's own."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        family = pb_utils.MetricFamily
        self.families = [
            family(name="model_amount_total", description="What was asked for", kind=family.COUNTER),
            family(name="model_amount_last", description="The last amount", kind=family.GAUGE),
        ]
        self.total = self.families[0].Metric(labels={"model": args["model_name"], "version": args["model_version"]})
        self.last = self.families[1].Metric(labels={"model": args["model_name"]})

    def execute(self, requests):
        answers = []
        for request in requests:
            amount = float(pb_utils.get_input_tensor_by_name(request, "AMOUNT").as_numpy()[0])
            self.total.increment(amount)
            self.last.set(amount)
            values = np.array([self.total.value(), self.last.value()])
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("VALUES", values)]))
        return answers
