"""Run with the package `openai-whisper`; `make test` installs it without what only a GPU needs."""

from functools import partialmethod
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from convemo.asr import judge, openai_whisper
from convemo.asr.openai_whisper import OpenAIWhisper
from convemo.audio import Audio
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable

from .conftest import check_words, words_of

END_OF_TEXT = 50257  # its number in the multilingual vocabulary
installed = pytest.mark.skipif(find_spec("whisper") is None, reason="openai-whisper is not installed")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A multilingual checkpoint of the true form, ``{"dims", "model_state_dict"}``, with random weights."""
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "random.pt", tokens=51865)


@pytest.fixture(scope="module")
def english_checkpoint(tmp_path_factory):
    """One that knows English only: its vocabulary is one token smaller."""
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "random.en.pt", tokens=51864)


def write_checkpoint(path, tokens):
    whisper, torch = pytest.importorskip("whisper"), pytest.importorskip("torch")
    torch.manual_seed(3)
    dims = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=32, n_audio_head=2, n_audio_layer=1, n_vocab=tokens, n_text_ctx=448, n_text_state=32,
        n_text_head=2, n_text_layer=2,
    )  # fmt: skip
    weights = whisper.model.Whisper(dims).state_dict()
    for name, tensor in weights.items():
        if tensor.dtype == torch.float32 and not name.endswith("_ln.weight"):
            torch.nn.init.normal_(tensor, std=0.3)
    # Peaked, and now and then at its end: a flat model would be decoded six times over, to the full 448 tokens.
    embedding = torch.nn.init.normal_(weights["decoder.token_embedding.weight"], std=2.0)
    embedding[:, 0] = 0.0
    embedding[END_OF_TEXT - (tokens < 51865), 0] = weights["decoder.ln.bias"][0] = 4.5
    torch.save({"dims": vars(dims), "model_state_dict": weights}, path)
    return path


@pytest.fixture
def hasty(monkeypatch):
    """Random weights say nothing that Whisper's rules believe, nor need it be decoded six times, or at length."""
    monkeypatch.setattr(judge, "believable", lambda heard: True)
    model = import_module("whisper.model").Whisper
    monkeypatch.setattr(model, "transcribe", partialmethod(model.transcribe, temperature=0.0, sample_len=60))


@installed
@pytest.mark.parametrize("kind", ["checkpoint", "english_checkpoint"])
def test_words_are_in_order_and_inside_the_sound(kind, request, voice, no_network, hasty):
    path = request.getfixturevalue(kind)
    transcript = OpenAIWhisper(str(path), offline=True, device="cpu").transcribe(voice)
    check_words(transcript, voice)
    assert words_of(transcript) and words_of(transcript)[0].start >= 2.5
    assert transcript.source == f"openai-whisper:{path.stem}"
    if kind == "checkpoint":
        assert len(transcript.language) in (2, 3) and 0 < transcript.language_confidence <= 1
    else:
        assert transcript.language == "en" and transcript.language_confidence is None


@installed
def test_a_translation_is_marked_as_one(checkpoint, voice, hasty):
    transcript = OpenAIWhisper(str(checkpoint), language="nl", translate=True, offline=True, device="cpu").transcribe(voice)
    check_words(transcript, voice)
    assert (transcript.language, transcript.translated_from) == ("en", "nl") and "approximate" in transcript.notes[0]


@installed
def test_a_checkpoint_that_does_not_translate_is_refused(english_checkpoint, tmp_path, voice):
    with pytest.raises(ConfigError, match="not trained to translate"):
        OpenAIWhisper(str(english_checkpoint), translate=True, offline=True)
    renamed = tmp_path / "mine.pt"
    renamed.write_bytes(english_checkpoint.read_bytes())
    with pytest.raises(ConfigError, match="not trained to translate"):
        OpenAIWhisper(str(renamed), translate=True, offline=True, device="cpu").transcribe(voice)


@installed
def test_that_a_checkpoint_is_a_pickle_is_said_before_it_is_read(checkpoint):
    said = []
    engine = OpenAIWhisper(str(checkpoint), offline=True, device="cpu", announce=said.append)
    assert said == []
    engine._loaded()
    assert len(said) == 1 and "a pickle" in said[0] and str(checkpoint) in said[0]


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


def test_a_folder_is_sent_to_the_other_engine(tmp_path):
    with pytest.raises(ConfigError, match="goes to faster-whisper:"):
        OpenAIWhisper(str(tmp_path))


def test_neither_a_name_nor_a_file_is_refused():
    with pytest.raises(ConfigError, match="huge"):
        OpenAIWhisper("huge")
