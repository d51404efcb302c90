"""Repositories with models of the Python backend, in which code or configuration is broken."""

from __future__ import annotations

import sys

from repository_maker import Broken, Expected, warning

_FILE = "m/config.pbtxt"
_CODE = "m/1/model.py"
_CONFIG = """\
backend: "python"
input { name: "X" data_type: TYPE_FP32 dims: 4 }
output { name: "Y" data_type: TYPE_FP32 dims: 4 }
"""
_GOOD = "class TritonPythonModel:\n    def execute(self, requests):\n        return None\n"
_SYNTAX = "class TritonPythonModel:\n    def execute(self, requests:\n"


def _parameter(name: str, value: str) -> str:
    return f'{_CONFIG}parameters {{\n  key: "{name}"\n  value {{ string_value: "{value}" }}\n}}\n'


def _model(code: str | None = _GOOD, config: str = _CONFIG) -> dict[str, str]:
    files = {_FILE: config}
    return files | ({"m/1/notes.txt": ""} if code is None else {_CODE: code})


def _interpreter_link(path) -> None:
    path.symlink_to(sys.executable)


CODE = [
    Broken("python: healthy", _model(), []),
    Broken("python: imported class", _model("from json import JSONDecoder as TritonPythonModel\n"), []),
    Broken("python: no file", _model(None), [Expected("m/1", 0, "unable to find", "model.py")]),
    Broken("python: syntax", _model(_SYNTAX), [Expected(_CODE, 2, "SyntaxError: '(' was never closed")]),
    Broken("python: no class", _model("class Model:\n    pass\n"), [Expected(_CODE, 0, "has no attribute", "class")]),
    Broken(
        "python: another name",
        {_FILE: _CONFIG + 'default_model_filename: "code.txt"\n', "m/1/code.txt": _GOOD},
        [Expected(_FILE, 4, "Model name must end with '.py'. Model name is \"code.txt\".", "model.py")],
    ),
    Broken(
        "python: no environment",
        _model(config=_parameter("EXECUTION_ENV_PATH", "$$TRITON_MODEL_DIRECTORY/env.tar.gz")),
        [Expected(_FILE, 4, "Failed to get the canonical path for")],
    ),
    Broken(
        "python: a parameter",
        _model(config=_parameter("FORCE_CPU_ONLY_INPUT_TENSORS", "maybe")),
        [Expected(_FILE, 4, "Incorrect value for FORCE_CPU_ONLY_INPUT_TENSORS: maybe'")],
    ),
    Broken(
        "python: a setting",
        _model(),
        [Expected(_FILE, 0, "thread-pool-size can't be less than 1.")],
        options={"backend_config": {"python": {"thread-pool-size": "0"}}},
    ),
    Broken(
        "python: an ensemble over tensors that only the model knows",
        {
            _CODE: _GOOD.replace(
                "    def",
                "    @staticmethod\n    def auto_complete_config(config):\n"
                "        config.add_input({'name': 'X', 'data_type': 'TYPE_FP32', 'dims': [4]})\n"
                "        config.add_output({'name': 'Y', 'data_type': 'TYPE_FP32', 'dims': [4]})\n"
                "        return config\n    def",
            ),
            "e/1/.keep": "",
            "e/config.pbtxt": 'platform: "ensemble"\n'
            'input { name: "I" data_type: TYPE_FP32 dims: 4 }\noutput { name: "O" data_type: TYPE_FP32 dims: 4 }\n'
            'ensemble_scheduling { step { model_name: "m" model_version: -1 input_map { key: "X" value: "I" }'
            ' output_map { key: "Y" value: "O" } } }\n',
        },
        [],
    ),
]

# What the Python of the check makes of code that is for another.
ELSEWHERE = [
    Broken(
        "python: syntax of another version",
        _model(_SYNTAX, _parameter("EXECUTION_ENV_PATH", "$$TRITON_MODEL_DIRECTORY/env"))
        | {"m/env/bin/python": _interpreter_link, "m/env/pyvenv.cfg": ""},
        [warning(_CODE, 2, "SyntaxError")],
    ),
]
