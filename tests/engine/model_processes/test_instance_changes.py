"""Instances of Python models that come and go without a reload, with real processes and the data plane."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from processes import gone
from serving import CONFIG, VALUES, infer, note_pid, pids, serving, wait_until, write_model

from triton_lite.config.json_form import to_json
from triton_lite.errors import TritonError

COUNTS = """
def initialize(self, args):
    {note}
    {initialize}
    open({folder!r} + '/initialize', 'a').write('x')

def finalize(self):
    open({folder!r} + '/finalize', 'a').write('x')
"""
SEQUENCES = "sequence_batching { direct {} max_sequence_idle_microseconds: 600000000 }\n"
ANSWER_PID = """\
def execute(self, requests):
    import numpy as np
    return [pb.InferenceResponse([pb.Tensor("OUT", np.full(4, os.getpid(), np.float32))]) for r in requests]
"""


def groups(count, name="", more="", config=CONFIG):
    return config + f'instance_group {{ name: "{name}" count: {count} kind: KIND_CPU {more} }}\n'


class Model:
    """A model that counts what its instances go through."""

    def __init__(self, repository, config, initialize="pass", **how):
        methods = COUNTS.format(folder=str(repository), initialize=initialize, note=note_pid(repository))
        self.repository = repository
        self.folder = write_model(repository, methods=methods, config=config, **how)

    def change(self, config):
        (self.folder / "config.pbtxt").write_text(config)

    def count(self, what):
        path = self.repository / what
        return len(path.read_text()) if path.exists() else 0

    @property
    def counts(self):
        return self.count("initialize"), self.count("finalize")


def test_instances_are_added_and_removed_without_a_reload(tmp_path):
    model = Model(tmp_path, groups(2))
    with serving(tmp_path) as server:
        first = pids(tmp_path)[-2:]
        for count, counts in ((3, (3, 0)), (1, (3, 2)), (1, (3, 2)), (2, (4, 2))):
            model.change(groups(count))
            server.load("m")
            assert model.counts == counts  # Those that go are gone when the load has returned.
            assert server.model("m").ready()
            assert server.model("m").config().instance_group[0].count == count
            infer(server)
        assert sum(map(gone, first)) == len(first) - 1
        server.unload("m")
        wait_until(lambda: model.counts == (4, 4))


def test_a_name_changes_without_anything_else(tmp_path):
    model = Model(tmp_path, groups(2))
    with serving(tmp_path) as server:
        model.change(groups(1, "a") + groups(1, "b", config=""))
        server.load("m")
        assert model.counts == (2, 0)
        assert [group.name for group in server.model("m").config().instance_group] == ["a", "b"]


def test_the_configuration_of_the_server_with_another_count(tmp_path):
    model = Model(tmp_path, groups(1))
    with serving(tmp_path) as server:
        shown = to_json(server.model("m").config())
        shown["instance_group"][0]["count"] += 1
        server.load("m", config=json.dumps(shown))
        assert model.counts == (2, 0)


@pytest.mark.parametrize("how", ["file", "configuration"])
def test_other_changes_load_the_model_anew(tmp_path, how):
    model = Model(tmp_path, groups(2))
    with serving(tmp_path) as server:
        if how == "file":
            with open(model.folder / "1" / "model.py", "a") as file:
                file.write("\n# changed\n")
            model.change(groups(3))
        else:
            model.change(groups(3, config=CONFIG + "max_batch_size: 2\n"))
        server.load("m")
        wait_until(lambda: model.counts == (5, 2))
        infer(server, values=VALUES if how == "file" else VALUES.reshape(1, 4))


def test_what_cannot_be_initialized_leaves_everything_as_it_was(tmp_path):
    flag = tmp_path / "fails"
    fails = f"if os.path.exists({str(flag)!r}): raise RuntimeError('no room')"
    model = Model(tmp_path, groups(2), initialize=fails)
    with serving(tmp_path) as server:
        served = pids(tmp_path)[-2:]
        flag.touch()
        model.change(groups(4))
        with pytest.raises(TritonError, match=r"version 1 is at READY state: .*no room"):
            server.load("m")
        assert model.counts == (2, 0)
        assert server.model("m").ready() and server.model("m").config().instance_group[0].count == 2
        infer(server)
        wait_until(lambda: [pid for pid in pids(tmp_path) if not gone(pid)] == served)
        flag.unlink()
        server.load("m")
        assert model.counts == (4, 0)
        server.unload("m")
        wait_until(lambda: model.counts == (4, 4))


def test_no_request_is_lost_and_none_waits_for_a_new_instance(tmp_path):
    gate = tmp_path / "gate"
    waits = f"while os.path.exists({str(gate)!r}): time.sleep(0.01)"
    model = Model(tmp_path, groups(2), initialize=waits)
    problems, stop, answered = [], threading.Event(), threading.Semaphore(0)

    def ask(server):
        while not stop.is_set():
            try:
                infer(server)
                answered.release()
            except Exception as error:
                problems.append(error)
                return

    with serving(tmp_path) as server:
        threads = [threading.Thread(target=ask, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for count in (3, 1, 4, 2):
                model.change(groups(count))
                server.load("m")
            gate.touch()
            model.change(groups(3))
            load = threading.Thread(target=server.load, args=("m",))
            load.start()
            wait_until(lambda: len(pids(tmp_path)) >= 7)  # Another one is being initialized.
            while answered.acquire(blocking=False):
                pass
            for _ in range(20):
                assert answered.acquire(timeout=30)
            assert load.is_alive()
            gate.unlink()
            load.join()
        finally:
            gate.unlink(missing_ok=True)
            stop.set()
            for thread in threads:
                thread.join()
        assert problems == []
        assert model.counts == (7, 4)


def test_sequences_end_where_they_began(tmp_path):
    config = CONFIG + SEQUENCES
    model = Model(tmp_path, groups(3, config=config), execute=ANSWER_PID)

    def ask(server, sequence, **flags):
        answer = server.model("m").infer({"IN": VALUES}, parameters={"sequence_id": sequence, **flags})
        return int(answer.outputs["OUT"].to_numpy()[0])

    with serving(tmp_path) as server:
        before = {sequence: ask(server, sequence, sequence_start=True) for sequence in (1, 2)}
        assert before[1] != before[2]
        other = "rate_limiter { priority: 2 }"
        model.change(groups(1, more=other, config=config))
        server.load("m")
        wait_until(lambda: model.counts == (4, 1))
        assert {sequence: ask(server, sequence) for sequence in (1, 2)} == before
        assert ask(server, 3, sequence_start=True) not in before.values()
        assert model.counts == (4, 1)
        for sequence in (1, 2):
            assert ask(server, sequence, sequence_end=True) == before[sequence]
            wait_until(lambda ended=sequence: model.counts == (4, 1 + ended))
        ask(server, 3, sequence_end=True)
        server.unload("m")
        wait_until(lambda: model.counts == (4, 4))


def test_a_model_with_a_sequence_in_an_instance_that_goes_is_unloaded(tmp_path):
    config = CONFIG + SEQUENCES
    model = Model(tmp_path, groups(1, config=config))
    with serving(tmp_path) as server:
        server.model("m").infer({"IN": VALUES}, parameters={"sequence_id": 1, "sequence_start": True})
        model.change(groups(1, more="rate_limiter { priority: 2 }", config=config))
        server.load("m")
        assert model.counts == (2, 0)
        server.unload("m")
        wait_until(lambda: model.counts == (2, 2))


def test_a_process_that_was_added_comes_back_after_its_death(tmp_path):
    model = Model(tmp_path, groups(1))
    with serving(tmp_path) as server:
        model.change(groups(2))
        server.load("m")

        os.kill(pids(tmp_path)[-1], signal.SIGKILL)
        wait_until(lambda: model.counts == (3, 0) and server.model("m").ready())
        model.change(groups(1))
        server.load("m")
        assert model.counts == (3, 1)
        infer(server)


STREAM = """\
def execute(self, requests):
    def go_on(sender, tensor):
        for _ in range(3):
            sender.send(pb.InferenceResponse([pb.Tensor("OUT", tensor)]))
            while not os.path.exists({gate!r}):
                time.sleep(0.01)
        sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    for request in requests:
        values = pb.get_input_tensor_by_name(request, "IN").as_numpy()
        threading.Thread(target=go_on, args=(request.get_response_sender(), values)).start()
"""


def test_a_stream_goes_on_in_an_instance_that_goes(tmp_path):
    gate = tmp_path / "gate"
    config = CONFIG + "model_transaction_policy { decoupled: true }\n"
    model = Model(tmp_path, groups(1, config=config), execute=STREAM.format(gate=str(gate)))
    with serving(tmp_path) as server:
        answers = server.model("m").stream({"IN": VALUES})
        next(answers)  # Its execute has returned, or is about to.
        model.change(groups(1, more="rate_limiter { priority: 2 }", config=config))
        load = threading.Thread(target=server.load, args=("m",))
        load.start()
        wait_until(
            lambda: model.counts == (2, 0) and server.model("m").config().instance_group[0].rate_limiter.priority
        )
        other = server.model("m").stream({"IN": VALUES})
        next(other)
        assert model.counts == (2, 0)
        gate.touch()
        assert [len(list(each)) for each in (answers, other)] == [2, 2]
        load.join()
        assert model.counts == (2, 1)


def test_more_than_the_rate_limiter_has(tmp_path):
    def needs(count):
        return f'rate_limiter {{ resources {{ name: "R" count: {count} }} }}'

    model = Model(tmp_path, groups(1, more=needs(1)))
    limit = {"rate_limit": "execution_count", "rate_limit_resource": [("R", 2, None)]}
    with serving(tmp_path, **limit) as server:
        model.change(groups(2, more=needs(3)))
        with pytest.raises(TritonError, match='Resource count for "R" is limited to 2'):
            server.load("m")
        infer(server)
        wait_until(lambda: model.counts == (3, 2))  # Neither of the new ones is left.
        model.change(groups(2, more=needs(2)))
        server.load("m")
        assert model.counts == (5, 3)
        infer(server)
        server.unload("m")
        model.change(groups(2, more=needs(3)))
        with pytest.raises(TritonError, match='Resource count for "R" is limited to 2'):
            server.load("m")
        wait_until(lambda: model.counts == (7, 7))
