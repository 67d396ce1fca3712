"""Models and adapters as they are found and loaded."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.causal_lm import LlmSpec, longest_context
from convemo.llm.transformers import TransformersEngine
from tests.checkpoints.tiny import edit_config, text_checkpoint
from tests.llm.tiny_lm import question, tiny_lm, tiny_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_lm(tmp_path_factory.mktemp("llm") / "llama")


@pytest.fixture
def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def lora(folder, out, rank=4, **settings):
    """A LoRA adapter for a checkpoint that changes what it says."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(folder)
    config = peft.LoraConfig(r=rank, target_modules=["q_proj", "v_proj"], init_lora_weights=False, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft's own, about transformers 6
        peft.get_peft_model(model, config).save_pretrained(out)
    return out


def refusal(argument, **settings):
    with pytest.raises(EngineUnavailable) as caught:
        TransformersEngine(str(argument), **{"device": "cpu", "offline": True} | settings)
    return caught.value


def test_a_spec_says_which_model_and_how():
    assert LlmSpec.parse("a/b?dtype=bfloat16&adapter=c/d&context=4096") == LlmSpec("a/b", "bfloat16", "c/d", 4096)
    assert LlmSpec.parse("a/b?adapter=c/d", adapter="e/f").adapter == "e/f"


@pytest.mark.parametrize("spec", ["", "?dtype=float32", "a/b?dtyp=float32", "a/b?dtype=int3", "a/b?context=few", "a/b?weights=some"])
def test_a_spec_that_makes_no_sense_is_refused(spec):
    with pytest.raises(ConfigError):
        LlmSpec.parse(spec)


LONG = {"max_position_embeddings": 131072}


@pytest.mark.parametrize(
    "stated, tokenizer, longest",
    [
        ({"max_position_embeddings": 512}, 10**30, 512),
        ({"n_ctx": 1024}, 10**30, 1024),
        (LONG, 10**30, 16384),
        ({}, 512, 512),
        ({}, 10**30, 2048),
        # Phi 3 turns positions by other angles beyond its original length: it stays within.
        (
            LONG | {"rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 4096}},
            0,
            4096,
        ),
        (LONG | {"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 4096}, 0, 4096),
        (LONG | {"rope_scaling": {"rope_type": "llama3", "original_max_position_embeddings": 8192}}, 0, 16384),
    ],
)
def test_the_longest_prompt_is_what_the_model_can_read(stated, tokenizer, longest):
    from types import SimpleNamespace

    assert longest_context(SimpleNamespace(**stated), SimpleNamespace(model_max_length=tokenizer)) == longest


def test_what_is_no_folder_and_cannot_be_fetched_says_what_would_mend_it(empty_caches, no_network):
    assert "no folder at ./nowhere" in str(refusal("./nowhere"))
    assert "hf download nobody/nothing" in refusal("nobody/nothing").hint


def test_a_model_that_generates_no_text_is_refused(tmp_path):
    error = refusal(text_checkpoint(tmp_path / "bert"))
    assert error.expected.startswith("a causal language model in") and "BertForSequenceClassification" in error.found


def test_a_model_with_code_of_its_own_is_refused_and_the_code_is_not_run(copied):
    edit_config(copied, architectures=["OwnForCausalLM"], model_type="own", auto_map={"AutoModelForCausalLM": "own.OwnForCausalLM"})
    (copied / "own.py").write_text("raise SystemExit('it ran')")
    assert "OwnForCausalLM in its config.json" in refusal(copied).found


def test_a_pickle_is_refused(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    error = refusal(copied)
    assert "a pickle" in error.found and "weights=pickle" in error.hint


def test_damaged_and_incomplete_weights_are_refused(copied):
    from safetensors.numpy import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    assert "no model.layers.1.mlp.up_proj.weight" in refusal(copied).found
    (copied / "model.safetensors").write_bytes((copied / "model.safetensors").read_bytes()[:5000])
    assert "a causal language model in" in refusal(copied).expected


def test_a_folder_without_tokenizer_is_refused(copied):
    for path in copied.glob("tokenizer*"):
        path.unlink()
    assert "a tokenizer in" in refusal(copied).expected


def test_a_device_that_is_not_there_is_an_error(folder):
    import torch

    if not torch.cuda.is_available():
        assert "the device 'cuda' for torch" in refusal(folder, device="cuda").expected


def test_weights_in_several_files_are_one_model(folder, tmp_path):
    network = tiny_network(vocabulary=len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]))
    network.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    for path in folder.glob("tokenizer*"):
        shutil.copy(path, tmp_path / "parts")
    shutil.copy(folder / "chat_template.jinja", tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    one, parts = (TransformersEngine(str(f), device="cpu").answer([question(2)])[0] for f in (folder, tmp_path / "parts"))
    assert one.log_probs == pytest.approx(parts.log_probs, abs=1e-6)


def test_weights_in_several_files_are_fetched_by_their_index(folder, empty_caches, monkeypatch):
    from convemo.weights import hub

    asked = []

    def fetch(repository, files, also, name, mend, announce):
        asked.append(files)
        if files[0] == "model.safetensors":
            raise EngineUnavailable("the weights", f"neither (HTTP 404 for {files[0]})")
        return folder

    monkeypatch.setattr(hub, "fetch", fetch)
    assert TransformersEngine("some/model", device="cpu").model.id.startswith("transformers:some/model@")
    assert asked[-1] == ("model.safetensors.index.json", "model-*.safetensors", "config.json")


@pytest.mark.parametrize("named", ["setting", "spec", "itself", "run"])
def test_an_adapter_is_put_on_its_model_however_it_is_named(folder, tmp_path, named):
    adapter = lora(folder, tmp_path / "run" / "model")
    engine = {
        "setting": lambda: TransformersEngine(str(folder), adapter=str(adapter), device="cpu"),
        "spec": lambda: TransformersEngine(f"{folder}?adapter={adapter}", device="cpu"),
        "itself": lambda: TransformersEngine(str(adapter), device="cpu"),
        "run": lambda: TransformersEngine(str(tmp_path / "run"), device="cpu"),
    }[named]()
    bare = TransformersEngine(str(folder), device="cpu")
    call = [question(i) for i in range(6)]
    (together, alone), plain = (engine.answer(call), [engine.answer([asked])[0] for asked in call[::-1]][::-1]), bare.answer(call)
    assert max(np.abs(a.log_probs - b.log_probs).max() for a, b in zip(together, alone)) <= 1e-3
    assert max(np.abs(a.log_probs - b.log_probs).max() for a, b in zip(together, plain)) > 0.01
    assert engine.forward.way == "reuse"
    assert engine.model.id.startswith(f"{bare.model.id}+model@") and engine.model.sha256 != bare.model.sha256


def test_an_adapter_on_the_last_layer_counts_too(folder, tmp_path):
    import torch

    adapter = lora(folder, tmp_path / "model", modules_to_save=["lm_head"])
    engine = TransformersEngine(str(folder), adapter=str(adapter), device="cpu")
    read = engine.tokens.of(question(3))
    with torch.inference_mode():
        logits = engine.forward._model(input_ids=torch.tensor([read.prompt])).logits[0, -1]
    expected = torch.log_softmax(logits[[path[0] for path in read.options]], -1).numpy()
    assert engine.answer([question(3)])[0].log_probs == pytest.approx(expected, abs=1e-4)


def test_an_adapter_for_another_model_is_refused(folder, tmp_path):
    other = tiny_lm(tmp_path / "other", hidden_size=48, num_attention_heads=6)
    adapter = lora(other, tmp_path / "model")
    error = refusal(folder, adapter=str(adapter))
    assert "an adapter for LlamaForCausalLM of this size" in error.expected and str(other) in error.hint


def test_an_adapter_whose_model_has_moved_says_how_to_name_it(folder, tmp_path):
    moved = Path(shutil.copytree(folder, tmp_path / "here"))
    adapter = lora(moved, tmp_path / "model")
    moved.rename(tmp_path / "there")
    error = refusal(adapter)
    assert f"{moved}, for which the adapter in {adapter} was made" in error.expected and f"MODEL?adapter={adapter}" in error.hint
    assert TransformersEngine(f"{tmp_path / 'there'}?adapter={adapter}", device="cpu").answer([question(0)])[0].reason is None


def test_an_adapter_with_missing_weights_is_refused(folder, tmp_path):
    from safetensors.numpy import load_file, save_file

    adapter = lora(folder, tmp_path / "model")
    weights = load_file(adapter / "adapter_model.safetensors")
    weights.pop(next(iter(weights)))
    save_file(weights, adapter / "adapter_model.safetensors", {"format": "pt"})
    assert "all weights of the adapter" in refusal(folder, adapter=str(adapter)).expected


def test_what_is_no_adapter_or_a_pickle_or_made_up_tokens_is_refused(folder, tmp_path):
    adapter = lora(folder, tmp_path / "model")
    assert "adapter_config.json in" in refusal(folder, adapter=str(folder)).expected
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    assert "a pickle" in refusal(folder, adapter=str(adapter)).found
    (adapter / "adapter_config.json").write_text('{"peft_type": "PROMPT_TUNING"}')
    assert "made-up tokens" in refusal(folder, adapter=str(adapter)).found


def test_an_adapter_needs_peft(folder, tmp_path, monkeypatch):
    adapter = lora(folder, tmp_path / "model")
    monkeypatch.setattr("convemo.llm.causal_lm.find_spec", lambda name: None)
    assert "convemo[llm]" in refusal(folder, adapter=str(adapter)).hint


def test_availability_says_what_is_here_without_loading_it(folder, tmp_path, empty_caches, no_network):
    assert TransformersEngine.availability().usable
    assert TransformersEngine.availability(str(folder)).why == "llama, unknown licence"
    assert not TransformersEngine.availability("nobody/nothing").usable
