import hashlib
import json

import pytest

from convemo.errors import EngineUnavailable
from convemo.weights import load_manifest, read_manifest, shipped


def model_folder(path, content=b"weights", **changes):
    (path / "model.bin").write_bytes(content)
    manifest = {"id": "toy-1", "channel": "text", "licence": "CC-BY-4.0", "files": {"model.bin": hashlib.sha256(b"weights").hexdigest()}}
    (path / "model.json").write_text(json.dumps(manifest | changes))
    return path


def test_every_model_in_the_package_is_what_its_manifest_says_and_has_a_card():
    models = shipped()
    assert "text" in [model.name for model in models]
    for model in models:
        assert load_manifest(model.folder) == model
        card = (model.folder / "CARD.md").read_text(encoding="utf-8")
        assert model.licence in card


def test_a_good_folder_gives_its_model(tmp_path):
    model = load_manifest(model_folder(tmp_path, labels=["neutral", "joy"]))
    assert (model.id, model.labels, model.size_bytes) == ("toy-1", ("neutral", "joy"), 7)
    assert model.info("model.bin").sha256 == model.files["model.bin"]


@pytest.mark.parametrize(
    ("licence", "permissive"), [("Apache-2.0", True), ("CC-BY-SA-4.0", True), ("CC-BY-NC-SA-4.0", False), ("cc-by-nc-4.0", False)]
)
def test_the_licence_says_whether_commercial_use_is_allowed(tmp_path, licence, permissive):
    assert read_manifest(model_folder(tmp_path, licence=licence)).permissive is permissive


def test_an_altered_file_is_refused(tmp_path):
    with pytest.raises(EngineUnavailable, match=r"model\.bin with sha256"):
        load_manifest(model_folder(tmp_path, content=b"wrights"))


def test_a_file_where_a_folder_belongs_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"weights")
    with pytest.raises(EngineUnavailable, match=r"a model folder with a model\.json"):
        read_manifest(tmp_path / "model.onnx")


def test_a_missing_file_is_refused(tmp_path):
    (model_folder(tmp_path) / "model.bin").unlink()
    with pytest.raises(EngineUnavailable, match="no such file"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"id": "a", "channel": "text", "licence": "x", "files": []}'])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(EngineUnavailable, match="Copy the model folder again"):
        read_manifest(tmp_path)
