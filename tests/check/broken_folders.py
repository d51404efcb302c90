"""Repositories in whose folders something is missing, has a wrong name or lies in the wrong place."""

from __future__ import annotations

from repository_maker import CONFIG, MODEL, Broken, Expected, changed, folder, link, model, pipe, warning

_FILE = "m/config.pbtxt"
_NAMED = CONFIG + 'default_model_filename: "net.onnx"\n'

VERSIONS = [
    Broken("no version", {_FILE: CONFIG}, [Expected("m", 0, "at least one version must be available", "mkdir")]),
    Broken(
        "model beside its configuration",
        {_FILE: CONFIG, "m/model.onnx": MODEL},
        [
            Expected("m", 0, "at least one version must be available", "mkdir"),
            warning("m/model.onnx", 0, "lies beside the versions", "mv"),
        ],
    ),
    Broken(
        "versions with odd names",
        model() | {"m/v2/model.onnx": MODEL, "m/003/model.onnx": MODEL, "m/4.0/model.onnx": MODEL},
        [
            warning("m/003", 0, "leading zeros", "/m/3"),
            Expected("m/4.0", 0, "stands for version 4, whose files are not looked for in it", "/m/4"),
            warning("m/v2", 0, "fails to convert to integral number", "/m/2"),
        ],
    ),
    Broken(
        "empty version",
        model() | {"m/2": folder, _FILE: CONFIG + "version_policy { all { } }\n"},
        [Expected("m/2", 0, "unable to find", "cp FILE")],
    ),
    Broken(
        "another file",
        {_FILE: CONFIG, "m/1/resnet.onnx": MODEL},
        [Expected("m/1", 0, "unable to find", 'default_model_filename: "resnet.onnx"')],
    ),
    Broken(
        "configured file missing",
        {_FILE: _NAMED, "m/1/model.onnx": MODEL},
        [Expected(_FILE, 9, "1/net.onnx' for model instance 'm'", "model.onnx")],
    ),
    Broken(
        "file outside of the version",
        {_FILE: CONFIG + 'default_model_filename: "../../other.onnx"\n', "m/1/model.onnx": MODEL},
        [Expected(_FILE, 9, "is outside model directory", '"other.onnx"')],
    ),
]

LINKS = [
    Broken(
        "link to nothing",
        model(content=link("/nowhere/model.onnx")),
        [Expected("m/1/model.onnx", 0, "leads to '/nowhere/model.onnx', which is not there", "cp FILE")],
    ),
    Broken(
        "link out of the repository",
        {"outside.onnx": MODEL}
        | {f"r/{path}": content for path, content in model(content=link("../../../outside.onnx")).items()},
        [warning("r/m/1/model.onnx", 0, "leads out of the repository", "cp --remove-destination")],
        repositories=["r"],
    ),
    Broken("model is a link to nothing", model() | {"n": link("gone")}, [warning("n", 0, "leads to 'gone'", "rm")]),
    Broken("link in a circle", model() | {"m/1/data": link("data")}, [warning("m/1/data", 0, "leads to 'data'", "rm")]),
    Broken(
        "configuration is a link to nothing",
        {"m/1/model.onnx": MODEL, _FILE: link("gone")},
        [warning(_FILE, 0, "leads to 'gone'", "rm")],
    ),
    Broken(
        "version is a link to nothing",
        {_FILE: CONFIG, "m/1": link("gone")},
        [warning("m/1", 0, "leads to 'gone'", "rm"), Expected("m", 0, "at least one version", "mkdir")],
    ),
    Broken("pipe", model() | {"m/1/data": pipe}, [warning("m/1/data", 0, "not a regular file", "rm")]),
    Broken(
        "configuration is a folder",
        {"m/1/model.onnx": MODEL, "m/config.pbtxt": folder},
        [Expected(_FILE, 0, "failed to read text proto")],
    ),
]

NAMES = [
    Broken(
        "misspelled name",
        {"m/1/model.onnx": MODEL, "m/config.pbtx": CONFIG},
        [warning("m/config.pbtx", 0, "is not read", "mv")],
    ),
    Broken(
        "JSON", {"m/1/model.onnx": MODEL, "m/config.json": "{}"}, [warning("m/config.json", 0, "is not read", "mv")]
    ),
    Broken(
        "no configuration of that name",
        model() | {"m/configs/small.pbtxt": CONFIG},
        [warning("m/configs", 0, "no configuration named 'smal'", "mv")],
        options={"model_config_name": "smal"},
    ),
    Broken(
        "faults of every configuration",
        changed("TYPE_FP32 dims: [ 4 ] }\n]\no", "TYPE_INT8 dims: [ 4 ] }\n]\no")
        | {"m/configs/a.pbtxt": CONFIG.replace("size: 8", "size: -8"), "m/configs/b.pbtxt": "max_batchsize: 8"},
        [
            Expected(_FILE, 4, "configuration expects datatype TYPE_INT8", "TYPE_FP32"),
            Expected("m/configs/a.pbtxt", 2, "must be non-negative", "max_batch_size: 0"),
            Expected("m/configs/b.pbtxt", 1, "failed to read", "max_batch_size"),
        ],
    ),
]

REPOSITORIES = [
    Broken("not there", {}, [Expected("gone", 0, "not a valid directory", "path")], repositories=["gone"]),
    Broken("a file", {"r": "text"}, [Expected("r", 0, "not a valid directory", "path")], repositories=["r"]),
    Broken("empty", {"r": folder}, [warning("r", 0, "is empty", "triton-lite model new")], repositories=["r"]),
    Broken(
        "a model, not a repository",
        model(),
        [Expected("m", 0, "looks like a model", "model check")],
        repositories=["m"],
    ),
    Broken(
        "plan in the repository",
        model() | {"net.plan": b""},
        [warning("net.plan", 0, "lies in the repository itself", "mkdir")],
    ),
    Broken(
        "folder and file of one name",
        model() | {"m.onnx": MODEL},
        [Expected("m", 0, "not unique", "another name"), Expected("m.onnx", 0, "not unique", "another name")],
    ),
    Broken(
        "one name in three repositories",
        {f"{repository}/{path}": content for repository in "abc" for path, content in model().items()},
        [Expected(f"{repository}/m", 0, "failed to poll model 'm'", "another name") for repository in "abc"],
        repositories=["a", "b", "c"],
    ),
    Broken("broken file by itself", {"m.onnx": b"no model"}, [Expected("m.onnx", 0, "onnx runtime error", "cp FILE")]),
]

FOLDERS = [*VERSIONS, *LINKS, *NAMES, *REPOSITORIES]
