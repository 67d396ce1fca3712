"""Run with the package `openai-whisper`, which the default development install leaves out for its size."""

from functools import partialmethod
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from convemo.asr import openai_whisper
from convemo.asr.openai_whisper import OpenAIWhisper
from convemo.audio import Audio
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable

END_OF_TEXT = 50257  # its number in the multilingual vocabulary
installed = pytest.mark.skipif(find_spec("whisper") is None, reason="openai-whisper is not installed")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of the true form, ``{"dims", "model_state_dict"}``, with random weights."""
    whisper, torch = pytest.importorskip("whisper"), pytest.importorskip("torch")
    torch.manual_seed(3)
    dims = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=32, n_audio_head=2, n_audio_layer=1, n_vocab=51865, n_text_ctx=448, n_text_state=32,
        n_text_head=2, n_text_layer=2,
    )  # fmt: skip
    weights = whisper.model.Whisper(dims).state_dict()
    for name, tensor in weights.items():
        if tensor.dtype == torch.float32 and not name.endswith("_ln.weight"):
            torch.nn.init.normal_(tensor, std=0.3)
    # Peaked, and now and then at its end: a flat model would be decoded six times over, to the full 448 tokens.
    embedding = torch.nn.init.normal_(weights["decoder.token_embedding.weight"], std=2.0)
    embedding[:, 0] = 0.0
    embedding[END_OF_TEXT, 0] = weights["decoder.ln.bias"][0] = 4.5
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.save({"dims": vars(dims), "model_state_dict": weights}, path)
    return path


@installed
@pytest.mark.slow
def test_words_are_in_order_and_inside_the_sound(checkpoint, voice, no_network, monkeypatch):
    monkeypatch.setattr(openai_whisper, "believable", lambda *doubts: True)  # random weights say nothing that Whisper's rules believe
    model = import_module("whisper.model").Whisper
    monkeypatch.setattr(model, "transcribe", partialmethod(model.transcribe, temperature=0.0))  # nor need it be decoded six times
    transcript = OpenAIWhisper(str(checkpoint), offline=True, device="cpu").transcribe(voice)
    words = [word for segment in transcript.segments for word in segment.words]
    times = [t for word in words for t in (word.start, word.end)]
    assert words and times == sorted(times) and all(3.0 <= t <= 9.5 for t in times)
    assert all(type(t) is float for t in times) and all(0 <= word.confidence <= 1 for word in words)
    assert transcript.source == "openai-whisper:random" and len(transcript.language) in (2, 3)


@installed
def test_silence_has_no_words(checkpoint):
    silence = Audio.from_array(np.zeros(16000 * 5, np.float32), 16000)
    assert OpenAIWhisper(str(checkpoint), offline=True).transcribe(silence).segments == ()


@installed
def test_a_language_that_the_model_does_not_know_is_refused(checkpoint, voice):
    with pytest.raises(ConfigError, match="'xx'"):
        OpenAIWhisper(str(checkpoint), language="xx", offline=True, device="cpu").transcribe(voice)


@installed
def test_a_checkpoint_that_would_run_code_is_not_loaded(tmp_path, voice):
    import pickle

    class Mine:
        def __reduce__(self):
            return print, ("this must not run",)

    path = tmp_path / "mine.pt"
    path.write_bytes(pickle.dumps({"dims": Mine(), "model_state_dict": {}}))
    with pytest.raises(EngineFailed, match="mine"):
        OpenAIWhisper(str(path), offline=True, device="cpu").transcribe(voice)


@installed
def test_a_named_checkpoint_with_other_bytes_is_refused_and_not_fetched_again(checkpoint, voice, no_network):
    path = openai_whisper.cache_folder() / "base.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(checkpoint.read_bytes())
    assert OpenAIWhisper.availability("base").usable
    with pytest.raises(EngineFailed, match=r"SHA-256 differs.*load_model\('base'\)"):
        OpenAIWhisper("base", offline=True, device="cpu").transcribe(voice)


@installed
def test_offline_without_weights_names_the_command_that_mends_it(no_network):
    with pytest.raises(EngineUnavailable, match=r"python -c \"import whisper; whisper\.load_model\('small'\)\""):
        OpenAIWhisper("small", offline=True)
    assert OpenAIWhisper.availability(offline=True).mend == openai_whisper.mend("base")


@installed
def test_the_names_are_the_packages_own():
    import whisper

    assert {name: url.rsplit("/")[-1] for name, url in whisper._MODELS.items()} == openai_whisper.CHECKPOINTS
    assert all(url.startswith(openai_whisper.HOST) for url in whisper._MODELS.values())


def test_where_the_package_is_missing_the_command_installs_it(monkeypatch):
    monkeypatch.setattr(openai_whisper, "find_spec", lambda name: None)
    assert OpenAIWhisper.availability().mend == "pip install 'convemo[whisper]'"
    with pytest.raises(EngineUnavailable, match=r"pip install 'convemo\[whisper\]'"):
        OpenAIWhisper("base")


def test_neither_a_name_nor_a_file_is_refused():
    with pytest.raises(ConfigError, match="huge"):
        OpenAIWhisper("huge")
