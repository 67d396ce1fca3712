import pytest

from convemo.asr import faster_whisper, openai_whisper, select
from convemo.asr.faster_whisper import FasterWhisper
from convemo.asr.select import choose
from convemo.errors import ConfigError, EngineUnavailable, UnknownEngine
from convemo.weights import hub


@pytest.fixture
def here(monkeypatch):
    """Says which weights are here: ``here("base", "tiny")``; what would be built is its spec."""

    def weights(*faster):
        monkeypatch.setattr(faster_whisper, "present", lambda: faster)
        monkeypatch.setattr(select, "find_spec", lambda name: object())
        monkeypatch.setattr(select, "_gpu", lambda device: device == "cuda")
        monkeypatch.setattr(select.registry, "build", lambda kind, spec, **settings: spec)

    return weights


def test_auto_takes_small_on_a_processor_and_the_largest_on_a_gpu(here):
    here("tiny", "base", "small", "large-v3")
    assert choose("auto", offline=True) == ("faster-whisper:small", None)
    assert choose("auto", offline=True, device="cuda") == ("faster-whisper:large-v3", None)


def test_auto_takes_an_english_model_only_where_english_was_asked_for(here):
    here("small.en", "base")
    assert choose("auto", offline=True, language="en")[0] == "faster-whisper:small.en"
    assert choose("auto", offline=True, language=None)[0] == "faster-whisper:base"


def test_auto_never_takes_openais_checkpoints_which_are_pickles(monkeypatch, no_network):
    folder = openai_whisper.cache_folder()
    folder.mkdir(parents=True)
    (folder / "base.pt").write_bytes(b"")
    assert choose("auto", offline=True)[0] is None


def test_auto_takes_a_model_that_translates_where_that_was_asked_for(here):
    here("large-v3-turbo", "base")
    assert choose("auto", offline=True)[0] == "faster-whisper:large-v3-turbo"
    assert choose("auto", offline=True, translate=True)[0] == "faster-whisper:base"
    assert choose("auto", offline=True, translate=True, language="en")[0] == "faster-whisper:large-v3-turbo"


def test_auto_says_so_if_what_is_here_cannot_translate(here, monkeypatch):
    here("large-v3-turbo")
    monkeypatch.setattr(hub, "cached", lambda *a: None)
    engine, why = choose("auto", offline=True, translate=True)
    assert engine is None and "(large-v3-turbo) cannot translate" in why


@pytest.mark.parametrize("spec", ["pocketsphinx", "faster-whisper:turbo", "faster-whisper:base.en"])
def test_an_engine_that_cannot_translate_is_refused(spec):
    with pytest.raises(ConfigError, match="translate=True"):
        choose(spec, translate=True, offline=True)


def test_a_third_partys_engine_is_asked_to_translate_only_where_that_was_asked_for(monkeypatch):
    built = []
    monkeypatch.setattr(select.registry, "build", lambda *spec, **settings: built.append(settings))
    choose("theirs", translate=True)
    choose("theirs", translate=True, language="en")
    assert ["translate" in settings for settings in built] == [True, False]


def test_auto_offline_without_weights_says_so_with_the_command_that_mends_it(no_network):
    engine, why = choose("auto", offline=True)
    assert engine is None
    assert "`hf download Systran/faster-whisper-small`" in why and "offline" in why


def test_auto_says_so_if_what_is_here_knows_english_only(here, monkeypatch):
    here("tiny.en")
    monkeypatch.setattr(hub, "cached", lambda *a: None)
    engine, why = choose("auto", offline=True)
    assert engine is None and "(tiny.en) know English only" in why


def test_a_fetch_that_fails_leaves_auto_without_words_and_is_an_error_where_it_was_asked_for(monkeypatch):
    def breaks(*args):
        raise EngineUnavailable("the weights", "a broken line")

    monkeypatch.setattr(hub, "fetch", breaks)
    engine, why = choose("auto")
    assert engine is None and "none can be fetched now" in why
    with pytest.raises(EngineUnavailable, match="a broken line"):
        choose("faster-whisper:small")


def test_auto_fetches_small_where_it_can_and_passes_on_the_announcement(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(hub, "fetch", lambda repository, files, also, name, mend, announce: announce(name) or tmp_path)
    engine, why = choose("auto", announce=said.append)
    assert isinstance(engine, FasterWhisper) and why is None and said == ["faster-whisper:small"]


def test_none_switches_transcription_off():
    assert choose("none") == (None, "Transcription is switched off.")


def test_a_third_partys_engine_gets_the_settings_that_every_engine_takes(monkeypatch):
    built = []
    monkeypatch.setattr(select.registry, "build", lambda *spec, **settings: built.append((spec, settings)))
    choose("theirs:big", language="de", device="cpu", offline=True)
    assert built == [(("asr", "theirs:big"), {"language": "de", "device": "cpu", "offline": True})]


def test_an_unknown_engine_is_refused():
    with pytest.raises(UnknownEngine, match="faster-whisper"):
        choose("nothing-like-it")
