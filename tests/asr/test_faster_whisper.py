import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from convemo.asr import faster_whisper, judge
from convemo.asr.faster_whisper import FasterWhisper
from convemo.audio import Audio
from convemo.dialogue.channels import interleave
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.types import Speaker
from convemo.weights import hub

from .conftest import babble, check_words, words_of


@pytest.fixture(scope="session")
def engine(whisper_folder) -> FasterWhisper:
    return FasterWhisper(str(whisper_folder), offline=True, device="cpu")


@pytest.fixture(scope="session")
def long_voice() -> Audio:
    """Three passages: forty seconds without a pause, silence, five seconds."""
    return Audio.from_array(np.concatenate([babble(40.0), np.zeros(64000), babble(5.0)]).astype(np.float32), 16000)


@pytest.fixture
def credulous(monkeypatch):
    """Random weights say nothing that Whisper's rules believe; here all of it is kept."""
    monkeypatch.setattr(judge, "believable", lambda heard: True)


@pytest.mark.parametrize("kind, at_once", [("english", 1), ("english", 3), ("multilingual", 3)])
def test_words_are_in_order_and_inside_the_sound(kind, at_once, request, long_voice, no_network, credulous):
    folder = request.getfixturevalue("whisper_folder" if kind == "multilingual" else "english_folder")
    transcript = FasterWhisper(str(folder), offline=True, device="cpu", at_once=at_once).transcribe(long_voice)
    check_words(transcript, long_voice)
    assert words_of(transcript) and transcript.timed and transcript.source == f"faster-whisper:{folder.name}"


def test_the_words_of_a_voice_lie_where_it_is_heard(engine, voice, credulous):
    words = words_of(engine.transcribe(voice))
    assert words and words[0].start >= 2.5 and words[-1].end <= 9.5


def test_passages_heard_together_come_out_in_their_places(engine):
    model, sounds = engine._loaded(), [babble(s).astype(np.float32) for s in (12.0, 3.3337, 30.0, 0.7001)]
    together = engine._heard_together(model, sounds, "de", "transcribe")
    alone = [engine._heard_together(model, [sound], "de", "transcribe")[0] for sound in sounds]
    assert [[one.text for one in heard] for heard in together] == [[one.text for one in heard] for heard in alone]
    for sound, heard in zip(sounds, together, strict=True):
        words = [word for one in heard for word in one.words]
        assert words and all(-0.01 <= word.start <= word.end <= len(sound) / 16000 + 1 for word in words)


def test_a_passage_that_comes_out_doubtful_or_unfinished_is_heard_again_by_itself(engine, monkeypatch):
    def heard(log_probability=-0.3, no_speech=0.0, compression=1.0, end=9.5):
        words = (faster_whisper.HeardWord(" Hello.", 0.0, end, 0.9),)
        return [faster_whisper.Heard(" Hello.", words, log_probability, no_speech, compression)]

    silence = heard(log_probability=-2.0, no_speech=0.9)
    results = [heard(), heard(log_probability=-1.5), silence, heard(compression=3.0), heard(end=5.0), []]
    again = []
    monkeypatch.setattr(engine, "_heard_together", lambda *args: results)
    monkeypatch.setattr(engine, "_heard_alone", lambda model, samples, language, task: again.append(len(samples)) or heard())
    engine._hear(None, [np.zeros(160000 + i, np.float32) for i in range(6)], "en", "transcribe")
    assert again == [160001, 160003, 160004, 160005]


def test_the_same_sound_gives_the_same_words(engine, voice):
    assert engine.transcribe(voice) == engine.transcribe(voice)


def test_silence_has_no_words_and_loads_no_model(whisper_folder, voice):
    engine, told = FasterWhisper(str(whisper_folder), offline=True), []
    silence = Audio.from_array(np.zeros(16000 * 5, np.float32), 16000)
    transcript = engine.transcribe(silence, lambda *now: told.append(now))
    assert transcript.segments == () and told == [(5.0, 5.0)] and engine._model is None


def test_an_english_only_model_hears_english_and_refuses_what_it_does_not_know(english_folder, voice):
    assert FasterWhisper(str(english_folder), offline=True, device="cpu").transcribe(voice).language == "en"
    with pytest.raises(ConfigError, match=r"'de'.*does not end in"):
        FasterWhisper(str(english_folder), offline=True, device="cpu", language="de").transcribe(voice)


def test_a_multilingual_model_says_which_language_it_heard_and_how_surely(engine, voice):
    transcript = engine.transcribe(voice)
    assert len(transcript.language) in (2, 3) and 0 < transcript.language_confidence <= 1
    given = FasterWhisper(str(engine.folder), offline=True, device="cpu", language="nl").transcribe(voice)
    assert given.language == "nl" and given.language_confidence is None


def test_the_language_of_another_track_counts_where_none_was_set(engine, voice):
    assert engine.transcribe(voice, language="pl").language == "pl"


@pytest.fixture
def stub(engine, monkeypatch):
    """Has the engine use a model that says what it is told: ``stub(said(…), …)`` → what it was asked, filled as it is used."""

    def use(*segments, rankings=None):
        asked = []
        model = SimpleNamespace(
            model=SimpleNamespace(is_multilingual=True, device="cpu"),
            detect_language=lambda samples: ("", 0.0, rankings),
            transcribe=lambda samples, **settings: (asked.append(settings) or segments, None),
        )
        monkeypatch.setattr(engine, "_loaded", lambda: model)
        return asked

    return use


def said(text, log_probability=-0.3, no_speech=0.1, compression=1.0):
    words = [SimpleNamespace(word=f" {text}", start=1.0, end=5.5, probability=0.5)]
    return SimpleNamespace(
        text=f" {text}",
        start=1.0,
        end=5.5,
        words=words,
        avg_logprob=log_probability,
        no_speech_prob=no_speech,
        compression_ratio=compression,
    )


def test_the_language_is_the_likeliest_over_the_first_passages(engine, voice, stub):
    asked = stub(rankings=[("nl", 0.5), ("de", 0.4)])
    transcript = engine.transcribe(voice)
    assert (transcript.language, transcript.language_confidence) == ("nl", 0.5) and asked[0]["language"] == "nl"


def test_no_passage_is_told_what_the_one_before_said(engine, voice, stub):
    asked = stub()
    engine.transcribe(voice, language="en")
    assert [settings["condition_on_previous_text"] for settings in asked] == [False]


def test_a_translation_is_asked_for_and_marked_as_one(engine, voice, stub, monkeypatch):
    asked = stub(said("Hello."), rankings=[("nl", 0.9)])
    monkeypatch.setattr(engine, "translate", True)
    transcript = engine.transcribe(voice)
    assert (asked[0]["task"], asked[0]["language"]) == ("translate", "nl")
    assert (transcript.language, transcript.translated_from, transcript.language_confidence) == ("en", "nl", 0.9)
    assert "translation from 'nl'" in transcript.notes[0] and "approximate" in transcript.notes[0]


def test_a_translated_call_in_which_one_channel_has_no_words_is_in_english(engine, voice, stub, monkeypatch):
    nothing = said("Thank you.", log_probability=-1.7, no_speech=0.9)
    heard = []
    monkeypatch.setattr(engine, "translate", True)
    for segment in (said("Hello."), nothing):
        stub(segment, rankings=[("nl", 0.9)])
        heard.append(engine.transcribe(voice))
    call = interleave([(Speaker("a"), heard[0]), (Speaker("b"), heard[1])])
    assert (call.language, call.translated_from) == ("en", "nl")
    assert [note.split(":")[0] for note in call.notes if "translation" in note] == ["a"]


def test_english_is_not_translated(engine, voice, stub, monkeypatch):
    asked = stub(said("Hello."), rankings=[("en", 0.9)])
    monkeypatch.setattr(engine, "translate", True)
    transcript = engine.transcribe(voice)
    assert asked[0]["task"] == "transcribe" and transcript.translated_from is None and transcript.notes == ()


def test_a_translation_by_a_real_network_keeps_its_words_in_order_and_inside_the_sound(whisper_folder, long_voice, credulous):
    engine = FasterWhisper(str(whisper_folder), offline=True, device="cpu", language="nl", translate=True)
    transcript = engine.transcribe(long_voice)
    check_words(transcript, long_voice)
    assert words_of(transcript) and (transcript.language, transcript.translated_from) == ("en", "nl")


@pytest.mark.parametrize("model", ["small.en", "turbo", "large-v3-turbo", "distil-large-v3", "deepdml/faster-whisper-large-v3-turbo-ct2"])
def test_a_model_that_was_not_trained_to_translate_is_refused(model):
    with pytest.raises(ConfigError, match=r"translate=True.*not trained to translate"):
        FasterWhisper(model, translate=True, offline=True)


def test_an_english_only_folder_of_any_name_does_not_translate(english_folder, tmp_path, voice):
    shutil.copytree(english_folder, tmp_path / "mine")
    with pytest.raises(ConfigError, match="not trained to translate"):
        FasterWhisper(str(tmp_path / "mine"), translate=True, offline=True, device="cpu").transcribe(voice)


def test_the_compute_type_suits_the_device_unless_it_is_given(engine, whisper_folder):
    assert engine._kind("cpu", {"int8", "float32"}) == "int8" and engine._kind("cuda", {"float16", "float32"}) == "float16"
    assert engine._kind("cuda", {"int8_float32", "float32"}) == "int8_float32"  # a card before Volta
    given = FasterWhisper(str(whisper_folder), offline=True, device="cpu", compute_type="float32")
    assert given._loaded().model.compute_type == "float32"
    with pytest.raises(ConfigError, match=r"int8.*'float8'"):
        FasterWhisper(str(whisper_folder), offline=True, device="cpu", compute_type="float8")._loaded()


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


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json"])
def test_a_damaged_file_beside_the_weights_is_one_clear_error(file, whisper_folder, tmp_path):
    shutil.copytree(whisper_folder, tmp_path / "w")
    (tmp_path / "w" / file).write_text('{"feature_size": 128}' if file.startswith("pre") else "{")
    with pytest.raises(EngineFailed, match="preprocessor_config.json for 80 mel bands" if file.startswith("pre") else "to load from"):
        FasterWhisper(str(tmp_path / "w"), device="cpu")._loaded()


def test_a_model_in_the_form_of_transformers_is_told_how_to_be_converted(random_whisper):
    folder = random_whisper / "transformers"
    with pytest.raises(EngineUnavailable, match=rf"form of transformers.*`ct2-transformers-converter --model {folder} --output_dir"):
        FasterWhisper(str(folder), offline=True)


def test_a_checkpoint_of_openais_is_sent_to_the_other_engine(tmp_path):
    (tmp_path / "base.pt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"openai-whisper:.*base\.pt"):
        FasterWhisper(str(tmp_path / "base.pt"))


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
