"""A checkpoint's folder: found without network, refused where it is no checkpoint."""

import json
import shutil
import sys

import pytest

from convemo.acoustic.transformers import TransformersAcoustic
from convemo.checkpoints import load
from convemo.checkpoints.folder import find
from convemo.errors import ConvemoError, EngineUnavailable
from convemo.text.transformers import TransformersText
from tests.checkpoints.tiny import acoustic_checkpoint, edit_config, text_checkpoint

pytestmark = pytest.mark.usefixtures("empty_caches", "no_network")


@pytest.fixture(scope="module")
def sound_one(tmp_path_factory):
    return text_checkpoint(tmp_path_factory.mktemp("checkpoints") / "sound")


@pytest.fixture
def folder(sound_one, tmp_path):
    return shutil.copytree(sound_one, tmp_path / "copy")


def refused(argument, task=TransformersText, **settings) -> EngineUnavailable:
    with pytest.raises(EngineUnavailable) as error:
        task(str(argument), device="cpu", **settings)
    assert error.value.hint
    return error.value


def test_a_folder_is_used_without_any_network(folder):
    assert TransformersText(str(folder), offline=True).model.id.startswith("transformers:copy@")


def test_the_folder_of_a_run_names_its_model_too(folder, tmp_path):
    shutil.move(folder, tmp_path / "run" / "model")
    assert find(str(tmp_path / "run")).folder == tmp_path / "run" / "model"


def test_two_checkpoints_of_one_name_are_told_apart_by_their_weights(folder, tmp_path):
    other = text_checkpoint(tmp_path / "elsewhere" / "copy", seed=2)
    assert find(str(folder)).info.id != find(str(other)).info.id


def test_the_licence_is_the_one_that_the_model_card_states(folder):
    assert (find(str(folder)).licence, find(str(folder)).info.permissive) == ("unknown", False)
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-nc-4.0\n---\n# A model\n")
    assert (find(str(folder)).licence, find(str(folder)).info.permissive) == ("cc-by-nc-4.0", False)
    (folder / "README.md").write_text("---\nlicense:\n- mit\ntags: [x]\n---\n")
    assert (find(str(folder)).licence, find(str(folder)).info.permissive) == ("mit", True)


def test_an_id_is_found_in_the_cache_without_network(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    shutil.move(folder, tmp_path / "hub" / "models--owner--name" / "snapshots" / "abc")
    assert TransformersText("owner/name").model.id.startswith("transformers:owner/name@")


def test_an_id_that_is_not_here_is_not_fetched_when_offline():
    said = []
    error = refused("owner/name", offline=True, announce=said.append)
    assert "offline" in error.expected and "hf download owner/name" in error.hint and said == []


def test_a_hub_out_of_reach_is_one_error_with_the_command(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = []
    assert "hf download owner/name" in refused("owner/name", announce=said.append).hint and said == []


def test_an_id_is_announced_before_it_is_fetched(folder, monkeypatch):
    said = []

    def fetch(name, files, also, what, mend, announce):
        announce(f"Fetching {what}")
        assert (
            "README.md" in also and files == ("model.safetensors", "config.json") and not any("py" in pattern for pattern in files + also)
        )
        return folder

    monkeypatch.setattr("convemo.checkpoints.folder.hub.fetch", fetch)
    TransformersText("owner/name", announce=said.append)
    assert said == ["Fetching the checkpoint owner/name"]


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c/d", "~/nothing here"])
def test_a_path_that_leads_nowhere_is_not_looked_for_on_the_hub(name):
    assert "no folder" in refused(name).found


def test_a_folder_without_config_is_no_checkpoint(folder):
    (folder / "config.json").unlink()
    assert "Hugging Face checkpoint" in refused(folder).expected


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_type": 3}', "\x00\xff"])
def test_a_config_that_is_something_else_is_told(content, folder):
    (folder / "config.json").write_text(content, encoding="latin-1")
    assert "config.json" in refused(folder).expected


def test_a_folder_without_weights_is_told(folder):
    (folder / "model.safetensors").unlink()
    assert "weights" in refused(folder).expected


def pickled(folder):
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_a_pickle_is_read_only_by_explicit_choice(folder):
    before = TransformersText(str(folder)).score([((), "so sad")])
    pickled(folder)
    assert "?weights=pickle" in refused(folder).hint
    assert TransformersText(f"{folder}?weights=pickle").score([((), "so sad")]) == pytest.approx(before, abs=1e-6)


def test_and_then_no_code_in_it_is_run(folder, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "owned"), "w")

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Evil()}))
    refused(f"{folder}?weights=pickle")
    assert not (tmp_path / "owned").exists()


def test_code_that_comes_with_a_checkpoint_is_never_run(folder, tmp_path):
    (folder / "modeling_mine.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass MyForSequenceClassification: pass\n")
    mine = {"AutoConfig": "modeling_mine.MyConfig", "AutoModelForSequenceClassification": "modeling_mine.MyForSequenceClassification"}
    edit_config(folder, model_type="mine", auto_map=mine, architectures=["MyForSequenceClassification"])
    refused(folder)
    assert not (tmp_path / "owned").exists()


def test_truncated_weights_are_told(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "Error" in refused(folder).found


@pytest.mark.parametrize("junk", [b"", b"\xff" * 64, b'\x08\x00\x00\x00\x00\x00\x00\x00{"a":{}}'])
def test_weights_that_are_junk_are_told(junk, folder):
    (folder / "model.safetensors").write_bytes(junk)
    refused(folder)


@pytest.mark.parametrize("task", ["ForCausalLM", "ForMaskedLM", "ForTokenClassification"])
def test_a_checkpoint_for_something_else_is_told(task, folder):
    edit_config(folder, architectures=[f"Bert{task}"])
    error = refused(folder)
    assert task in error.found and "convemo train text --init" in error.hint


def test_a_head_that_is_missing_is_never_made_up(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if not name.startswith("classifier")}
    save_file(kept, path, metadata={"format": "pt"})
    assert "classifier" in refused(folder).found


def test_a_head_of_another_size_than_the_labels_is_told(folder):
    edit_config(folder, id2label={"0": "joy", "1": "anger"}, label2id={"joy": 0, "anger": 1})
    refused(folder)


def test_a_text_model_is_no_acoustic_one_and_the_reverse(folder, tmp_path):
    refused(folder, TransformersAcoustic)
    refused(acoustic_checkpoint(tmp_path / "speech"), TransformersText)


def test_a_missing_tokenizer_is_told(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "tokenizer" in refused(folder).expected


def test_a_convemo_json_that_makes_no_sense_is_told(folder):
    (folder / "convemo.json").write_text(json.dumps({"labels": {"a": 3}}))
    assert "convemo.json" in refused(folder).expected


@pytest.mark.parametrize("channel", [TransformersText, TransformersAcoustic])
def test_without_transformers_the_command_that_installs_it_is_told(channel, folder, monkeypatch):
    monkeypatch.setattr(load, "find_spec", lambda name: None if name == "transformers" else True)
    assert "pip install 'convemo[transformers]'" in refused(folder, channel).hint
    available = channel.availability(offline=True)
    assert (available.usable, available.mend) == (False, "pip install 'convemo[transformers]'")


def test_doctor_asks_without_importing_anything_heavy(folder, tmp_path):
    assert TransformersText.availability(offline=True).usable
    assert TransformersText.availability(str(folder)).usable
    assert not TransformersText.availability(str(tmp_path / "nothing")).usable


def test_a_device_that_is_not_here_is_told(folder):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineUnavailable, match="device 'cuda'"):
        TransformersText(str(folder), device="cuda")


def test_a_hostile_folder_never_ends_in_anything_but_a_convemo_error(folder):
    config = json.loads((folder / "config.json").read_text())
    for changes in ({"hidden_size": -1}, {"num_hidden_layers": "two"}, {"vocab_size": 10}, {"id2label": {"0": None}}, {"architectures": 3}):
        (folder / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(ConvemoError):
            TransformersText(str(folder))


def test_importing_a_channel_imports_neither_torch_nor_transformers():
    import subprocess

    code = (
        "import sys, convemo.text.transformers, convemo.acoustic.transformers; sys.exit(bool({'torch', 'transformers'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
