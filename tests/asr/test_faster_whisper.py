import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from convemo.asr import faster_whisper, hub
from convemo.asr.faster_whisper import FasterWhisper
from convemo.audio import Audio
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable


@pytest.fixture(scope="session")
def engine(whisper_folder) -> FasterWhisper:
    return FasterWhisper(str(whisper_folder), offline=True, device="cpu")


def test_words_are_in_order_and_inside_the_sound(engine, voice, no_network, monkeypatch):
    monkeypatch.setattr(faster_whisper, "believable", lambda *doubts: True)
    transcript = engine.transcribe(voice)
    words = [word for segment in transcript.segments for word in segment.words]
    times = [t for word in words for t in (word.start, word.end)]
    assert words and times == sorted(times) and times[0] >= 3.0 and times[-1] <= 9.5
    assert all(type(t) is float for t in times) and all(0 <= word.confidence <= 1 for word in words)
    assert all(word.text == word.text.strip() != "" for word in words)
    assert transcript.timed and transcript.source == "faster-whisper:random"


def test_the_same_sound_gives_the_same_words(engine, voice):
    assert engine.transcribe(voice) == engine.transcribe(voice)


def test_silence_has_no_words_and_loads_no_model(whisper_folder, voice):
    engine, told = FasterWhisper(str(whisper_folder), offline=True), []
    silence = Audio.from_array(np.zeros(16000 * 5, np.float32), 16000)
    transcript = engine.transcribe(silence, lambda *now: told.append(now))
    assert transcript.segments == () and told == [(5.0, 5.0)] and engine._model is None


def test_an_english_only_model_hears_english_and_refuses_what_it_does_not_know(engine, whisper_folder, voice):
    assert engine.transcribe(voice).language == "en"
    with pytest.raises(ConfigError, match=r"'de'.*does not end in"):
        FasterWhisper(str(whisper_folder), offline=True, device="cpu", language="de").transcribe(voice)


def test_the_language_is_the_likeliest_over_the_first_passages(engine, voice, monkeypatch):
    asked = []
    model = SimpleNamespace(
        model=SimpleNamespace(is_multilingual=True),
        detect_language=lambda samples: ("nl", 0.5, [("nl", 0.5), ("de", 0.4)]),
        transcribe=lambda samples, **k: (asked.append(k["language"]) or [], None),
    )
    monkeypatch.setattr(engine, "_loaded", lambda: model)
    assert engine.transcribe(voice).language == "nl" and asked == ["nl"]


def test_what_the_model_itself_doubts_is_dropped(engine, voice, monkeypatch):
    def said(text, log_probability, no_speech):
        words = [SimpleNamespace(word=f" {text}", start=1.0, end=1.5, probability=0.5)]
        return SimpleNamespace(text=f" {text}", words=words, avg_logprob=log_probability, no_speech_prob=no_speech, compression_ratio=1.0)

    model = SimpleNamespace(transcribe=lambda *a, **k: ([said("Hello.", -0.3, 0.1), said("Thanks for watching!", -1.6, 0.9)], None))
    monkeypatch.setattr(engine, "_loaded", lambda: model)
    monkeypatch.setattr(engine, "language", "en")
    assert [segment.text for segment in engine.transcribe(voice).segments] == ["Hello."]


def test_no_passage_is_told_what_the_one_before_said(engine, voice, monkeypatch):
    asked = []
    monkeypatch.setattr(engine, "_loaded", lambda: SimpleNamespace(transcribe=lambda *a, **k: (asked.append(k) or [], None)))
    monkeypatch.setattr(engine, "language", "en")
    engine.transcribe(voice)
    assert [k["condition_on_previous_text"] for k in asked] == [False]


def test_weights_in_the_hubs_cache_are_found_by_name_without_the_network(whisper_folder, no_network):
    into_cache(whisper_folder, "Systran/faster-whisper-base")
    assert faster_whisper.present() == ("base",)
    assert FasterWhisper.availability("base").usable and FasterWhisper.availability().usable
    assert FasterWhisper("base", offline=True).folder.name == "abc123"
    assert not FasterWhisper.availability("small").usable


def into_cache(folder, repository):
    """Puts a model where the hub's client would have put it."""
    root = hub.cache_folder() / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc123")
    shutil.copytree(folder, root / "snapshots" / "abc123")
    return root / "snapshots" / "abc123"


def test_a_download_that_broke_does_not_count_as_weights(whisper_folder):
    (into_cache(whisper_folder, "Systran/faster-whisper-base") / "model.bin").unlink()
    assert not FasterWhisper.availability("base").usable


def test_offline_without_weights_names_the_command_that_mends_it(no_network):
    with pytest.raises(EngineUnavailable, match="hf download Systran/faster-whisper-small"):
        FasterWhisper("small", offline=True)
    assert FasterWhisper.availability(offline=True).mend == "hf download Systran/faster-whisper-small"


def test_where_the_package_is_missing_the_command_installs_it(monkeypatch):
    monkeypatch.setattr(faster_whisper, "find_spec", lambda name: None)
    assert FasterWhisper.availability().mend == "pip install faster-whisper"
    with pytest.raises(EngineUnavailable, match="pip install faster-whisper"):
        FasterWhisper("small")


def test_a_folder_without_its_tokenizer_is_refused_since_the_package_would_ask_the_hub_for_one(whisper_folder, tmp_path):
    shutil.copytree(whisper_folder, tmp_path / "w")
    (tmp_path / "w" / "tokenizer.json").unlink()
    assert not FasterWhisper.availability(str(tmp_path / "w")).usable
    with pytest.raises(EngineUnavailable, match=r"tokenizer\.json"):
        FasterWhisper(str(tmp_path / "w"))


def test_damaged_weights_are_one_clear_error(whisper_folder, tmp_path, voice):
    shutil.copytree(whisper_folder, tmp_path / "w")
    whole = (tmp_path / "w" / "model.bin").read_bytes()
    (tmp_path / "w" / "model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineFailed, match="fetch them again"):
        FasterWhisper(str(tmp_path / "w"), device="cpu").transcribe(voice)


@pytest.mark.parametrize("model", ["huge", "/no/such/folder", "./weights", "a/b/c"])
def test_neither_a_name_nor_a_folder_is_refused(model):
    with pytest.raises(ConfigError, match="one of tiny"):
        FasterWhisper(model)


def test_a_device_that_it_cannot_use_is_refused():
    with pytest.raises(ConfigError, match="'mps'"):
        FasterWhisper("small", device="mps", offline=True)


def test_the_names_and_repositories_are_the_packages_own(monkeypatch):
    import huggingface_hub
    from faster_whisper.utils import available_models, download_model

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repository, **kwargs: repository)
    assert {name: download_model(name) for name in available_models()} == faster_whisper.REPOSITORIES
