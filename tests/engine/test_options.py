"""Options of an engine travel as JSON."""

import dataclasses

import pytest

from triton_lite.engine.options import EngineOptions


def test_round_trip():
    options = EngineOptions(
        model_repository=["/r"], load_model=["a"], backend_config={"onnxruntime": {"a": "1"}}, model_load_thread_count=2
    )
    assert EngineOptions.from_json(options.to_json()) == options
    assert EngineOptions.from_json("{}") == EngineOptions()


def test_equal_options_are_equal_texts():
    one = EngineOptions(backend_config={"": {"a": "1", "b": "2"}})
    other = EngineOptions(backend_config={"": {"b": "2", "a": "1"}})
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "expected a JSON object"),
        ('{"model_repo": []}', "unknown option 'model_repo'"),
        ('{"model_repository": "/r"}', "'model_repository' has to be of type list"),
        ('{"strict_readiness": 1}', "'strict_readiness' has to be of type bool"),
        ('{"model_control_mode": "all"}', "one of none, poll, explicit"),
        ("{", "Expecting"),
    ],
)
def test_refuses(text, problem):
    with pytest.raises(ValueError, match=problem):
        EngineOptions.from_json(text)


def test_settings_of_a_backend_win():
    options = EngineOptions(backend_config={"": {"a": "1", "b": "1"}, "onnxruntime": {"a": "2"}})
    assert options.settings_of("onnxruntime") == {"a": "2", "b": "1"}
    assert options.settings_of("identity") == {"a": "1", "b": "1"}
    assert options.settings_of("identity", "onnxruntime") == {"a": "2", "b": "1"}
    assert options.settings_of("onnxruntime", "identity") == {"a": "2", "b": "1"}


def test_every_option_has_a_default():
    assert all(getattr(EngineOptions(), option.name) is not None for option in dataclasses.fields(EngineOptions))
