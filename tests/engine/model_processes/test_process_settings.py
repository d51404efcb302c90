import pytest

from triton_lite.engine.model_processes.settings import PythonSettings, python_settings
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages


def config(**parameters):
    made = messages.ModelConfig()
    for name, value in parameters.items():
        made.parameters[name].string_value = value
    return made


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("shm-growth-byte-size", "0", "shm-growth-byte-size can't be smaller than or equal to zero."),
        ("shm-default-byte-size", "1000", "shm-default-byte-size can't be smaller than 4 MiBs"),
        ("thread-pool-size", "0", "thread-pool-size can't be less than 1."),
        ("shm-region-prefix-name", "", "shm-region-prefix-name must at least contain one character."),
        ("stub-timeout-seconds", "0", "stub-timeout-seconds can't be smaller than or equal to zero."),
        ("stub-timeout-seconds", "soon", "stol"),
        ("execute-timeout-seconds", "-1", "execute-timeout-seconds: expected a number of seconds, got '-1'"),
        ("initialize-timeout-seconds", "inf", "initialize-timeout-seconds: expected a number of seconds, got 'inf'"),
    ],
)
def test_refused_settings_have_tritons_texts(name, value, text):
    with pytest.raises(TritonError) as caught:
        python_settings({name: value}, config())
    assert (caught.value.code, caught.value.text) == (Code.INVALID_ARGUMENT, text)


def test_settings_of_shared_memory_have_no_effect():
    given = {"shm-default-byte-size": "4194304", "shm-growth-byte-size": "1", "shm-region-prefix-name": "x"}
    assert python_settings({**given, "thread-pool-size": "4"}, config()) == PythonSettings()


def test_time_for_initialize():
    assert python_settings({}, config()).initialize_seconds == 600
    assert python_settings({"stub-timeout-seconds": "7"}, config()).initialize_seconds == 7
    both = {"stub-timeout-seconds": "7", "initialize-timeout-seconds": "9.5"}
    assert python_settings(both, config()).initialize_seconds == 9.5
    assert python_settings(both, config(INITIALIZE_TIMEOUT_SECONDS="11")).initialize_seconds == 11


def test_a_model_may_limit_its_execution_itself():
    assert python_settings({}, config()).execute_timeout_ns == 0
    assert python_settings({"execute-timeout-seconds": "2"}, config()).execute_timeout_ns == 2_000_000_000
    own = config(EXECUTE_TIMEOUT_SECONDS="0.5")
    assert python_settings({"execute-timeout-seconds": "2"}, own).execute_timeout_ns == 500_000_000


def test_forced_tensors():
    for value in ("yes", "no"):
        python_settings({}, config(FORCE_CPU_ONLY_INPUT_TENSORS=value))
    with pytest.raises(TritonError) as caught:
        python_settings({}, config(FORCE_CPU_ONLY_INPUT_TENSORS="maybe"))
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.text == "Incorrect value for FORCE_CPU_ONLY_INPUT_TENSORS: maybe'"
