"""Writes on from a text, a character (its token) at a time, with the weights of train.py."""

import itertools
import os
import threading

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def _given(request, name, default):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return default if tensor is None else tensor.as_numpy()[0]


def _answer(text):
    return pb_utils.InferenceResponse([pb_utils.Tensor("text_output", np.array([text.encode()], np.object_))])


class TritonPythonModel:
    """A decoupled model: with `stream` an answer for each character, without it one with all of them."""

    def initialize(self, args):
        """Read the weights."""
        with np.load(os.path.join(pb_utils.get_model_dir(), "weights.npz")) as file:
            self.weights = dict(file)
        self.alphabet = self.weights.pop("alphabet").tolist()
        self.codes = {character: code for code, character in enumerate(self.alphabet)}
        self.context = len(self.weights["inner"]) // self.weights["embedding"].shape[1]
        self.threads = []

    def execute(self, requests):
        """Each request writes in a thread of its own: a long one holds up nobody."""
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        for request in requests:
            thread = threading.Thread(target=self._write, args=(request, request.get_response_sender()))
            thread.start()
            self.threads.append(thread)

    def finalize(self):
        """Wait for those who still write."""
        for thread in self.threads:
            thread.join()

    def _write(self, request, sender):
        try:
            self._answers(request, sender)
        except Exception as error:
            sender.send(pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error))))
        sender.send(flags=FINAL)

    def _answers(self, request, sender):
        count = int(_given(request, "max_tokens", 100))
        if count < 1:
            error = pb_utils.TritonError("max_tokens must be at least 1", pb_utils.TritonError.INVALID_ARG)
            sender.send(pb_utils.InferenceResponse(error=error))
            return
        given = _given(request, "text_input", b"").decode()
        written = self._characters(
            given, float(_given(request, "temperature", 0)), int(_given(request, "random_seed", 0))
        )
        each = bool(_given(request, "stream", False))
        text = []
        for character in itertools.islice(written, count):
            if sender.is_cancelled():
                return
            text.append(character)
            if each:
                sender.send(_answer(character))
        if not each:
            sender.send(_answer("".join(text)))

    def _characters(self, text, temperature, seed):
        """One character after the other, without an end: the likeliest one, or drawn by chance."""
        random = np.random.default_rng(seed)
        space = self.codes[" "]
        seen = [space] * self.context + [self.codes.get(character, space) for character in text]
        weights = self.weights
        while True:
            given = weights["embedding"][seen[-self.context :]].ravel()
            hidden = np.tanh(given @ weights["inner"] + weights["inner_bias"])
            scores = hidden @ weights["outer"] + weights["outer_bias"]
            if temperature > 0:
                scores = scores / temperature + random.gumbel(size=len(scores))
            seen.append(int(scores.argmax()))
            yield self.alphabet[seen[-1]]
