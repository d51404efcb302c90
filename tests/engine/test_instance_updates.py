"""Instance groups that change: which versions are kept, changed or loaded anew."""

import os

import pytest
from conftest import Server
from test_lifecycle import IDENTITY, put

from triton_lite.errors import Code, TritonError

LIMITED = 'rate_limiter { resources { name: "R" count: 1 } }'


def groups(count, more=""):
    return IDENTITY + f"instance_group {{ count: {count} kind: KIND_CPU {more} }}\n"


def start(folder, config, versions=(1,), **options):
    put(folder, "m", config, versions)
    server = Server(model_repository=[str(folder)], model_control_mode="explicit", load_model=["m"], **options)
    assert server.control_plane.load_models() == ""
    return server


def change(folder, config):
    path = folder / "m" / "config.pbtxt"
    before = path.stat().st_mtime_ns
    path.write_text(config)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


def shown(server, version=""):
    return server.call("ModelConfig", name="m", version=version).config


def test_instances_are_added_and_removed_in_place(tmp_path):
    server = start(tmp_path, groups(2))
    served = server.engine.served["m"][1]
    change(tmp_path, groups(3))
    server.lifecycle.load("m")
    assert (server.engine.made, server.engine.updates) == ([2], [(1, [])])
    change(tmp_path, groups(1))
    server.lifecycle.load("m")
    assert server.engine.updates[1:] == [(0, [1, 100])]
    assert server.engine.served["m"][1] is served
    assert shown(server).instance_group[0].count == 1


def test_a_name_alone_makes_nothing(tmp_path):
    server = start(tmp_path, groups(2))
    change(tmp_path, groups(2, 'name: "other"'))
    server.lifecycle.load("m")
    assert (server.engine.made, server.engine.updates) == ([], [])
    assert shown(server).instance_group[0].name == "other"


def test_every_version_changes_and_new_ones_are_loaded(tmp_path):
    policy = "version_policy { all {} }\n"
    server = start(tmp_path, groups(1) + policy, versions=(1, 2))
    before = dict(server.engine.served["m"])
    put(tmp_path, "m", groups(2) + policy, versions=(3,))
    change(tmp_path, groups(2) + policy)
    server.lifecycle.load("m")
    assert server.engine.updates == [(1, []), (1, [])]
    assert {version: server.engine.served["m"][version] for version in (1, 2)} == before
    assert sorted(server.engine.served["m"]) == [1, 2, 3]


def test_a_version_policy_may_change_with_them(tmp_path):
    server = start(tmp_path, groups(1), versions=(1, 2))
    assert sorted(server.engine.served["m"]) == [2]
    change(tmp_path, groups(2) + "version_policy { all {} }\n")
    server.lifecycle.load("m")
    assert sorted(server.engine.served["m"]) == [1, 2]
    assert server.engine.updates == [(1, [])]
    assert shown(server, "2").version_policy.HasField("all")


@pytest.mark.parametrize("what", ["file", "config", "files"])
def test_what_loads_a_version_anew(tmp_path, what):
    server = start(tmp_path, groups(2))
    served = server.engine.served["m"][1]
    config = groups(3)
    if what == "config":
        config += "dynamic_batching {}\n"
    if what == "file":
        (tmp_path / "m" / "1" / "data").write_text("new")
    if what == "files":
        (tmp_path / "m" / "labels").write_text("new")
    change(tmp_path, config)
    server.lifecycle.load("m")
    assert server.engine.updates == []
    assert server.engine.served["m"][1] is not served


@pytest.mark.parametrize(("rate_limit", "in_place"), [("off", True), ("execution_count", False)])
def test_a_model_that_becomes_limited_is_loaded_anew(tmp_path, rate_limit, in_place):
    server = start(tmp_path, groups(2), rate_limit=rate_limit)
    change(tmp_path, groups(2, LIMITED))
    server.lifecycle.load("m")
    assert server.engine.updates == ([(2, [0, 1])] if in_place else [])


def test_a_failure_changes_nothing_and_the_next_load_tries_again(tmp_path):
    server = start(tmp_path, groups(2))
    served = server.engine.served["m"][1]
    server.engine.refuses_instances = TritonError(Code.INTERNAL, "no memory")
    change(tmp_path, groups(3))
    with pytest.raises(TritonError) as raised:
        server.lifecycle.load("m")
    assert raised.value.text == "load failed for model 'm': version 1 is at READY state: Internal: no memory;\n"
    assert server.engine.served["m"][1] is served
    assert shown(server).instance_group[0].count == 2
    server.engine.refuses_instances = None
    server.lifecycle.load("m")
    assert server.engine.updates == [(1, [])]


def test_instances_are_dropped_where_another_version_fails(tmp_path):
    policy = "version_policy { all {} }\n"
    server = start(tmp_path, groups(1) + policy)
    put(tmp_path, "m", groups(2) + policy, versions=(3,))
    load_model = server.engine.load_model

    def refuse(spec, opened=None, metrics=None):
        if spec.version == 3:
            raise TritonError(Code.INTERNAL, "broken")
        return load_model(spec, opened, metrics)

    server.engine.load_model = refuse
    change(tmp_path, groups(2) + policy)
    with pytest.raises(TritonError, match="version 3 is at UNAVAILABLE state: Internal: broken"):
        server.lifecycle.load("m")
    assert (server.engine.made, server.engine.discarded, server.engine.updates) == ([1], 1, [])
    assert sorted(server.engine.served["m"]) == [1]
    assert shown(server).instance_group[0].count == 1


def test_a_configuration_of_the_call(tmp_path):
    server = start(tmp_path, groups(1))
    config = '{"backend": "identity", "max_batch_size": 4, "instance_group": [{"count": 2, "kind": "KIND_CPU"}],'
    config += '"input": [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]}],'
    config += '"output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]}]}'
    request = {"repository_name": "", "model_name": "m", "parameters": {"config": {"string_param": config}}}
    server.call("RepositoryModelLoad", **request)
    assert server.engine.updates == [(1, [])]
