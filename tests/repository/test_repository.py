"""What is found in repositories: models, versions, files, labels; and that nothing leads out of them."""

import pytest

from triton_lite.config import text
from triton_lite.errors import Code, TritonError
from triton_lite.repository import scan, versions
from triton_lite.repository.labels import read_labels
from triton_lite.repository.source import ModelSource, inside


def names(*repositories):
    return {name: len(sources) for name, sources in scan.scan([str(one) for one in repositories]).items()}


@pytest.fixture
def repository(tmp_path):
    for name in ("b", "a", ".git", "a/1", "a/2"):
        (tmp_path / name).mkdir()
    for name in ("bare.onnx", "a.onnx", "README.md", "b/config.pbtxt"):
        (tmp_path / name).touch()
    return tmp_path


def test_folders_and_bare_files(repository):
    assert names(repository) == {"a": 2, "b": 1, "bare": 1}
    assert names(repository / "bare.onnx") == {"bare": 1}
    assert len(scan.find([str(repository)], "a")) == 2
    assert scan.find([str(repository)], "bare")[0].bare_file == str(repository / "bare.onnx")
    assert scan.find([str(repository)], "c") == []
    assert scan.find([str(repository / "bare.onnx")], "bare")[0].versions() == [1]
    assert scan.find([str(repository / "bare.onnx")], "a") == []


def test_links_of_the_owner_are_followed(repository, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "1").mkdir()
    (repository / "linked").symlink_to(elsewhere)
    (repository / "dangling").symlink_to(elsewhere / "none")
    assert names(repository).keys() == {"a", "b", "bare", "linked"}
    assert scan.find([str(repository)], "linked")[0].versions() == [1]


@pytest.mark.parametrize("name", ["", "  ", "..", ".", "a/../b", "/etc", "a/1", "a\0b"])
def test_names_stay_in_the_repository(repository, name):
    with pytest.raises(TritonError) as caught:
        scan.find([str(repository)], name)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_missing_repository(tmp_path):
    (tmp_path / "file.txt").touch()
    for missing in ("none", "file.txt"):
        with pytest.raises(TritonError, match=f"not a valid directory: '{tmp_path / missing}'"):
            scan.check_repositories([str(tmp_path), str(tmp_path / missing)])


def test_version_folders(tmp_path, caplog):
    for name in ("1", "3", "20", "007", "x", "configs", "warmup", "initial_state", "²", "3x", "4.0", "-1"):
        (tmp_path / name).mkdir()
    (tmp_path / "5").touch()
    source = ModelSource("m", str(tmp_path.parent), str(tmp_path))
    assert source.versions() == [-1, 1, 3, 4, 20]
    assert source.files(4, "").directory == str(tmp_path / "4")
    assert source.files(-1, "").directory == str(tmp_path / "18446744073709551615")
    assert "'007' which contains leading zeros" in caplog.text
    assert "'x' which fails to convert to integral number" in caplog.text
    assert "configs" not in caplog.text


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest { num_versions: 1 }", [20]),
        ("latest { num_versions: 2 }", [3, 20]),
        ("latest { num_versions: 9 }", [1, 3, 20]),
        ("latest { }", []),
        ("all { }", [1, 3, 20]),
        ("", [1, 3, 20]),
        ("specific { versions: [ 3, 4, 1 ] }", [1, 3]),
    ],
)
def test_version_policies(policy, expected):
    assert versions.select(text.parse(f"version_policy {{ {policy} }}", ""), [1, 3, 20]) == expected


def test_files(tmp_path):
    source = ModelSource("m", str(tmp_path), str(tmp_path / "m"))
    assert source.files(3, "model.onnx").model_file == str(tmp_path / "m" / "3" / "model.onnx")
    assert source.files(3, "").model_file == str(tmp_path / "m" / "3")
    for name in ("../4/model.onnx", "../../other/1/model.onnx", ".."):
        with pytest.raises(TritonError, match="outside model directory"):
            source.files(3, name)


def test_inside():
    assert inside("/r/m", "a/../b") == "/r/m/b"
    assert inside("/r/m", "/etc/passwd") == "/r/m/etc/passwd"
    assert inside("/r/m", "..") is None
    assert inside("/r/m", "../m2/x") is None
    assert inside("/r/m", "") is None


def test_labels(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "labels.txt").write_text("apple\nelder berry\n\nlast")
    (tmp_path / "secret.txt").write_text("secret")
    source = ModelSource("m", str(tmp_path), str(tmp_path / "m"))

    def read(filename):
        config = text.parse(f'name: "m" output {{ name: "O" label_filename: "{filename}" }} output {{ name: "P" }}', "")
        return read_labels(config, source)

    assert read("labels.txt") == {"O": ["apple", "elder berry", "", "last"]}
    with pytest.raises(TritonError) as caught:
        read("../secret.txt")
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.text == (
        f"label file path '{tmp_path}/m/../secret.txt' for output 'O' in model 'm' is outside model directory"
    )
    with pytest.raises(TritonError, match=f"failed to open text file for read {tmp_path}/m/no.txt: No such file"):
        read("no.txt")
