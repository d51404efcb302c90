"""Repositories whose configuration files are broken."""

from __future__ import annotations

from repository_maker import CONFIG, MODEL, Broken, Expected, added, changed, model, warning

_FILE = "m/config.pbtxt"


def one(name: str, files: dict, line: int, text: str, write: str = "", **options: object) -> Broken:
    """A case with one fault in the configuration file of model m."""
    return Broken(name, files, [Expected(_FILE, line, text, write)], options=options)


SYNTAX = [
    one("unknown field", changed("max_batch_size: 8", "max_batchsize: 8"), 2, "failed to read", "max_batch_size"),
    one("unknown field without a name near it", added("zzz: 1\n"), 9, "failed to read", "one of name"),
    one("unknown message", added("zzz {\n  a: 1\n}\n"), 9, "failed to read", "one of name"),
    one("unknown type", changed("TYPE_FP32 dims: [ 4 ] }\n]\no", "FLOAT32 dims: [ 4 ] }\n]\no"), 4, "", "TYPE_FP32"),
    one("misspelled type", changed("TYPE_FP32 dims: [ 4 ] }\n]\no", "TYPE_FP23 dims: [ 4 ] }\n]\no"), 4, "", "TYPE_FP"),
    one("no number", changed("max_batch_size: 8", "max_batch_size: eight"), 2, "failed to read", "digits"),
    one("no closing bracket", model(CONFIG[: CONFIG.rindex("]")]), 8, "failed to read"),
    one("no quotes", changed('name: "X"', "name: X"), 4, "failed to read"),
    one("twice", added("max_batch_size: 4\n"), 9, "failed to read"),
    one("not UTF-8", model() | {_FILE: b'name: "\xff"'}, 0, "failed to read text proto"),
    Broken(
        "three misspelled fields",
        changed("max_batch_size: 8", "max_batchsize: 8\ndynamic_batchin { }\nverson_policy { all { } }"),
        [
            Expected(_FILE, 2, "failed to read", "max_batch_size"),
            Expected(_FILE, 3, "failed to read", "dynamic_batching"),
            Expected(_FILE, 4, "failed to read", "version_policy"),
        ],
    ),
    Broken(
        "a misspelled field hides nothing behind it",
        changed("max_batch_size: 8", "max_batchsize: 8\ndynamic_batching { preferred_batch_size: [ 0, 4, 9 ] }"),
        [
            Expected(_FILE, 2, "failed to read", "max_batch_size"),
            Expected(_FILE, 3, "preferred size must be positive"),
            Expected(_FILE, 3, "preferred size must be <= max batch size", "a size up to 8"),
        ],
    ),
    Broken(
        "a syntax error does not hide the folder's faults",
        {_FILE: "max_batch_size 8", "m/01/model.onnx": MODEL},
        [
            warning("m/01", 0, "leading zeros", "/m/1"),
            Expected("m", 0, "at least one version must be available", "mkdir"),
            Expected(_FILE, 1, "failed to read"),
        ],
    ),
]

WHOLE = [
    one("another name", model('name: "other"\n' + CONFIG), 1, "directory name must equal", 'name: "m"'),
    one("negative batch size", changed("size: 8", "size: -1"), 2, "must be non-negative", "max_batch_size: 0"),
    one("wrong platform", added('platform: "tensorrt_plan"\n'), 9, "'platform' and 'backend' pair", "onnxruntime_onnx"),
    one("unknown platform", changed('backend: "onnxruntime"', 'platform: "onnx"'), 1, "unexpected platform", "backend"),
    one("unknown backend", changed("onnxruntime", "onnxruntim"), 1, "unable to find backend", 'backend: "onnxruntime"'),
    one("backend of Triton", changed("onnxruntime", "dali"), 1, "unable to find backend library for backend 'dali'"),
    one("runtime", added('runtime: "libmine.so"\n'), 9, "unable to find backend library 'libmine.so'", "no runtime"),
    one("runtime escapes", added('runtime: "../lib.so"\n'), 9, "escapes backend directory", "no runtime"),
    one(
        "decoupled and cached",
        added("model_transaction_policy { decoupled: true }\nresponse_cache {\n  enable: true\n}\n"),
        11,
        "Response Cache does not currently support",
        "enable: false",
    ),
    Broken(
        "no backend at all",
        {"m/1/weights.bin": b"", "m/config.pbtxt": "max_batch_size: 1\n"},
        [Expected(_FILE, 0, "Could not determine backend", 'backend: "onnxruntime"')],
    ),
    Broken(
        "no configuration and nothing known in it",
        {"m/1/weights.bin": b""},
        [Expected("m", 0, "Could not determine backend", 'backend: "onnxruntime"')],
    ),
    Broken(
        "no configuration where it has to be complete",
        {"m/1/model.onnx": MODEL},
        [Expected("m", 0, "config.pbtxt: No such file", "config.pbtxt")],
        options={"disable_auto_complete_config": True},
    ),
    one(
        "batching strategy",
        added('parameters { key: "TRITON_BATCH_STRATEGY_PATH" value { string_value: "/lib.so" } }\n'),
        9,
        "Batching library path escapes",
    ),
    Broken(
        "no inputs where the backend does not tell them",
        {"m.identity/1/model.identity": ""},
        [Expected("m.identity", 0, "model configuration is not provided", "config.pbtxt")],
    ),
    Broken(
        "metric controls",
        added("model_metrics {\n  metric_control { }\n  metric_control { metric_identifier { } }\n}\n"),
        [
            Expected(_FILE, 10, "must specify 'metric_identifier'", "family"),
            Expected(_FILE, 11, "non-empty 'family'", "family"),
        ],
    ),
    Broken(
        "specific versions",
        added("version_policy {\n  specific {\n    versions: [ 1, 3 ]\n  }\n}\n"),
        [warning(_FILE, 11, "version 3 is specified", "mkdir")],
    ),
    one(
        "no version allowed", added("version_policy { specific { versions: 2 } }\n"), 9, "at least one version", "[ 1 ]"
    ),
]

BATCHING = [
    Broken(
        "two priority faults",
        added("dynamic_batching {\n  priority_levels: 2\n  default_priority_level: 3\n  preserve_ordering: true\n}\n"),
        [
            Expected(_FILE, 10, "Only one priority level", "preserve_ordering: false"),
            Expected(_FILE, 11, "default priority level must be in range [1, 2]", "default_priority_level: 2"),
        ],
    ),
    one(
        "ordering with delay",
        added(
            "dynamic_batching {\n  preserve_ordering: true\n  default_queue_policy {\n"
            "    timeout_action: DELAY\n    default_timeout_microseconds: 5\n  }\n}\n"
        ),
        12,
        "can not have DELAY",
        "REJECT",
    ),
    one(
        "sequence control without a value",
        added(
            'sequence_batching {\n  control_input {\n    name: "X" control { kind: CONTROL_SEQUENCE_START }\n  }\n}\n'
        ),
        11,
        "must specify either 'int32_false_true'",
        "int32_false_true",
        open_files=False,
    ),
    Broken(
        "sequence control names",
        added(
            "sequence_batching {\n"
            "  control_input { control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }\n"
            '  control_input { name: "A" }\n  control_input { name: "A" }\n  control_input { name: "A" }\n}\n'
        ),
        [
            Expected(_FILE, 10, "must have a name"),
            Expected(_FILE, 12, "'A' is specified for multiple control kinds"),
            Expected(_FILE, 13, "'A' is specified for multiple control kinds"),
        ],
        options={"open_files": False},
    ),
    one(
        "correlation id of a wrong type",
        added(
            'sequence_batching {\n  control_input {\n    name: "C"\n'
            "    control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 }\n  }\n}\n"
        ),
        12,
        "unexpected data type for control",
        "TYPE_UINT64",
        open_files=False,
    ),
    one(
        "slots",
        added("sequence_batching {\n  direct { minimum_slot_utilization: 2 }\n}\n"),
        10,
        "minimum slot utilization",
        "minimum_slot_utilization: 1.0",
    ),
]

_STATE = """\
sequence_batching {
  state {
    input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ 2 ]
    initial_state {
      data_type: TYPE_INT8
      dims: [ 3 ]
    }
  }
}
"""

STATES = [
    Broken(
        "initial state",
        added(_STATE),
        [
            Expected(_FILE, 12, "Field 'name' must be set", "name"),
            Expected(_FILE, 12, "to have state_data set", "zero_data: true"),
            Expected(_FILE, 13, "does not match the state data type"),
            Expected(_FILE, 14, "3 != 2", "2"),
        ],
        options={"open_files": False},
    ),
    one(
        "initial state from a file that is missing",
        added(_STATE.replace("INT8", "FP32 name: 's' data_file: 'start'").replace("[ 3 ]", "[ 2 ]")),
        13,
        "initial_state/start: No such file",
        "cp FILE",
        open_files=False,
    ),
]

TENSORS = [
    Broken(
        "inputs without parts",
        model(CONFIG.replace('name: "X" data_type: TYPE_FP32 dims: [ 4 ] }', 'name: "X" },\n  { dims: [ 4 ] }')),
        [
            Expected(_FILE, 4, "input 'X' must specify 'data_type'", "data_type"),
            Expected(_FILE, 4, "input 'X' must specify 'dims'", "dims"),
            Expected(_FILE, 5, "input must specify 'name'", "name"),
            Expected(_FILE, 5, "input '' must specify 'data_type'", "data_type"),
        ],
        options={"open_files": False},
    ),
    Broken(
        "two bad dimensions",
        changed('"Y" data_type: TYPE_FP32 dims: [ 4 ]', '"Y" data_type: TYPE_FP32 dims: [ 0,\n 4,\n -2 ]'),
        [
            Expected(_FILE, 7, "dimension must be integer >= 1", "-1"),
            Expected(_FILE, 9, "dimension must be integer >= 1", "-1"),
        ],
        options={"open_files": False},
    ),
    one(
        "reshape",
        changed(
            '"X" data_type: TYPE_FP32 dims: [ 4 ]', '"X" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 5 ] }'
        ),
        4,
        "different size for dims and reshape",
        open_files=False,
    ),
    one("image", changed('name: "X"', 'name: "X" format: FORMAT_NHWC'), 4, "require 3 dims", "FORMAT_NONE"),
    one("shape tensor", changed('name: "X"', 'name: "X" is_shape_tensor: true'), 4, "only supported for TensorRT"),
    one(
        "batch input",
        added("batch_input {\n  data_type: TYPE_INT64\n  source_input: 'X'\n}\n"),
        10,
        "must be TYPE_INT32 or TYPE_FP32",
        "TYPE_FP32",
        open_files=False,
    ),
]

INSTANCES = [
    one("no GPU", added("instance_group {\n  kind: KIND_GPU\n}\n"), 10, "no GPUs are available", "kind: KIND_CPU"),
    Broken(
        "GPUs that are not there",
        added(
            "instance_group {\n  kind: KIND_GPU\n  gpus: [ 7, 0, 8 ]\n}\ninstance_group { kind: KIND_CPU gpus: 0 }\n"
        ),
        [
            Expected(_FILE, 11, "unsupported gpu id 7"),
            Expected(_FILE, 11, "unsupported gpu id 8"),
            Expected(_FILE, 13, "has kind KIND_CPU but specifies one or more GPUs", "KIND_GPU"),
        ],
        options={"gpus": frozenset({0})},
    ),
    one("profile", added('instance_group {\n  profile: "0"\n}\n'), 10, "only supported for TensorRT", "no profile"),
]

CONFIGURATIONS = [*SYNTAX, *WHOLE, *BATCHING, *STATES, *TENSORS, *INSTANCES]
