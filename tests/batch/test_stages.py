"""What is kept between stages: nothing that did not change is heard or judged again, and nobody who is excluded is ever judged."""

import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import pytest

from convemo import AnalyzerConfig, Policy
from convemo.acoustic.channel import AcousticChannel
from convemo.batch.cache import StageCache
from convemo.batch.redact import numbers
from convemo.batch.stages import StagedAnalyzer, _shown
from convemo.pipeline import Analyzer
from convemo.text.channel import TextChannel
from convemo.types import Dialogue, Evidence, Speaker, Utterance, Word
from convemo.weights import file_sha256

EXAMPLES = Path(__file__).parents[2] / "examples"
CALL, TRANSCRIPT = EXAMPLES / "support_call.flac", EXAMPLES / "support_call.vtt"
HASHES = {"sound_sha256": file_sha256(CALL), "said_sha256": file_sha256(TRANSCRIPT)}


@pytest.fixture
def work(monkeypatch):
    """Counts what is done: recordings decoded and listened to, utterances judged by each channel, and by whom they were said."""
    from convemo import audio

    done = {"decoded": 0, "listened": 0, "text": [], "acoustic": []}
    load, listen = audio.load, Analyzer._listen

    def loads(*arguments):
        done["decoded"] += 1
        return load(*arguments)

    def listens(self, given, id):
        done["listened"] += 1
        return listen(self, given, id)

    monkeypatch.setattr(audio, "load", loads)
    monkeypatch.setattr(Analyzer, "_listen", listens)
    for name, channel in (("text", TextChannel), ("acoustic", AcousticChannel)):

        def predicts(self, dialogue, audio=None, since=0, *, _name=name, _predict=channel.predict):
            done[_name] += [dialogue.speaker(u.speaker).role for u in dialogue.utterances[since:]]
            return _predict(self, dialogue, audio, since)

        monkeypatch.setattr(channel, "predict", predicts)
    return done


def analyze(tmp_path, redactors=(), **settings):
    config = AnalyzerConfig(**{"offline": True, "asr": "none", **settings})
    analyzer = StagedAnalyzer(config, StageCache(tmp_path / "stages.sqlite"), redactors)
    return analyzer.analyze_file(str(CALL), str(TRANSCRIPT), id="call", **HASHES)


def test_it_is_the_analysis_that_the_analyzer_makes_first_and_again(tmp_path):
    plain = Analyzer(offline=True, asr="none").analyze(CALL, TRANSCRIPT, id="call")
    first, again = analyze(tmp_path), analyze(tmp_path)
    assert first.channels == again.channels == plain.channels and first.fused == again.fused == plain.fused
    assert first.dialogue == again.dialogue == plain.dialogue and first.recording == again.recording == plain.recording
    assert first.provenance == again.provenance == plain.provenance and first.notes == again.notes == plain.notes


def test_the_second_time_nothing_is_decoded_heard_or_judged(tmp_path, work):
    analyze(tmp_path)
    before = {name: list(v) if isinstance(v, list) else v for name, v in work.items()}
    analyze(tmp_path)
    assert work == before and work["decoded"] == work["listened"] == 1 and len(work["text"]) == len(work["acoustic"]) == 19


@pytest.mark.parametrize("change", [{"fusion": "shipped-text"}, {"smooth": True}, {"channels": "text"}, {"weights": "permissive"}])
def test_changing_how_it_is_judged_together_judges_nothing_again(tmp_path, work, change):
    analyze(tmp_path)
    analyze(tmp_path, **change)
    assert work["decoded"] == work["listened"] == 1 and len(work["text"]) == len(work["acoustic"]) == 19


def test_whom_a_policy_excludes_is_not_judged_though_others_were(tmp_path, work):
    analyze(tmp_path)
    del work["acoustic"][:], work["text"][:]
    analysis = analyze(tmp_path, policy="exclude:agent")
    assert set(work["acoustic"]) == set(work["text"]) == {"customer"} and work["listened"] == 1
    assert all(u.label is None for u in analysis if u.role == "agent")


def test_scores_of_somebody_excluded_are_never_computed_and_never_kept(tmp_path, work):
    analyze(tmp_path, policy="exclude:agent")
    assert set(work["acoustic"]) == {"customer"}
    analysis = analyze(tmp_path, policy=Policy(mode="text-only", exclude_roles=("agent",)))
    assert set(analysis.channels) == {"text"} and set(work["acoustic"]) == {"customer"}


def test_other_roles_do_not_transcribe_again_but_listen(tmp_path, work):
    analyze(tmp_path)
    analysis = analyze(tmp_path, roles={"Customer Tom": "other"})
    assert work["listened"] == 2 and {u.role for u in analysis} == {"agent", "other"}


def test_another_model_judges_again(tmp_path, work):
    first = StagedAnalyzer(AnalyzerConfig(offline=True), StageCache(tmp_path / "s"), models={"text": "one"})
    second = StagedAnalyzer(AnalyzerConfig(offline=True), StageCache(tmp_path / "s"), models={"text": "two"})
    for analyzer in (first, second, second):
        analyzer.analyze_file(None, str(TRANSCRIPT), id="call")
    assert len(work["text"]) == 2 * 19


def test_what_is_transcribed_is_kept_by_what_transcribed_it(tmp_path, monkeypatch):
    from convemo.types import Transcript, TranscriptSegment

    heard = []

    class Ear:
        id = "ear"

        def __init__(self, *, language=None, device="auto", offline=False):
            pass

        def transcribe(self, audio, progress=None, language=None):
            heard.append(audio.recording.path)
            return Transcript((TranscriptSegment("I am so angry with you!", 0.5, 3.0),), source="ear")

    from convemo import registry

    monkeypatch.setitem(registry.BUILT_IN["asr"], "ear", f"{__name__}:Ear")
    monkeypatch.setitem(globals(), "Ear", Ear)

    def listen(**settings):
        config = AnalyzerConfig(offline=True, **{"asr": "ear", "diarizer": "none", **settings})
        analyzer = StagedAnalyzer(config, StageCache(tmp_path / "s"))
        return analyzer.analyze_file(str(CALL), None, id="call", sound_sha256=HASHES["sound_sha256"])

    texts = [
        listen(**change)[0].text for change in ({}, {"roles": {"speaker": "customer"}}, {"fusion": "shipped-text"}, {"policy": "text-only"})
    ]
    assert texts == ["I am so angry with you!"] * 4 and len(heard) == 1
    listen(language="en")
    assert len(heard) == 2


def test_what_is_redacted_is_nowhere_in_the_cache(tmp_path):
    from convemo.types import Transcript, TranscriptSegment

    said = Transcript((TranscriptSegment("My card is 4929 1234 5678.", 0.5, 3.0, speaker="+49 30 1234"),))
    analyzer = StagedAnalyzer(AnalyzerConfig(offline=True), StageCache(tmp_path / "s"), (numbers,))
    analysis = analyzer.analyze_file(str(CALL), said, id="call", sound_sha256=HASHES["sound_sha256"])
    assert analysis[0].text == "My card is [number]." and analysis[0].speaker == "[number]"
    import sqlite3

    from convemo.batch.coding import unpack

    kept = [str(unpack(value)) for (value,) in sqlite3.connect(tmp_path / "s").execute("SELECT value FROM stages")]
    assert kept and not any("4929" in text or "1234" in text for text in kept)


def test_a_recording_that_changed_after_it_was_listed_is_told(tmp_path):
    from convemo import AudioError

    analyzer = StagedAnalyzer(AnalyzerConfig(offline=True, asr="none"), StageCache(None))
    with pytest.raises(AudioError, match="the recording that was listed"):
        analyzer.analyze_file(str(CALL), None, id="call", sound_sha256="0" * 64)


def test_the_cache_stays_within_its_bound_and_drops_the_longest_unused(tmp_path):
    cache = StageCache(tmp_path / "s", limit_bytes=20_000)
    for number in range(200):
        cache.put("stage", number, [number * 0.1237 + k * 1.7 for k in range(100)])
    size = cache._db.execute("SELECT sum(bytes) FROM stages").fetchone()[0]
    assert size <= 21_000 and cache.get("stage", 199) is not None and cache.get("stage", 0) is None


def test_a_damaged_cache_is_as_none(tmp_path):
    (tmp_path / "s").write_bytes(b"x" * 5000)
    cache = StageCache(tmp_path / "s")
    cache.put("stage", 1, "value")
    assert cache.get("stage", 1) is None
    assert StageCache(None).get("stage", 1) is None


def test_what_is_kept_is_found_while_another_worker_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("convemo.batch.cache._MOST_WAIT_S", 0.0)
    monkeypatch.setattr("convemo.batch.cache._STALE_S", -1.0)  # each look-up wants to note that it was used
    cache = StageCache(tmp_path / "s")
    cache.put("stage", 1, "value")
    writer = sqlite3.connect(tmp_path / "s", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert cache.get("stage", 1) == "value"
    writer.close()


def test_a_cache_that_is_damaged_later_says_so_and_is_given_up(tmp_path):
    cache = StageCache(tmp_path / "s")
    cache.close()
    (tmp_path / "s").write_bytes(b"x" * 5000)
    (tmp_path / "s-wal").unlink(missing_ok=True)
    cache = StageCache(tmp_path / "s")
    assert cache.get("stage", 1) is None and "database" in cache.why_not
    cache.put("stage", 1, "value")
    cache.close()


OTHERS = {
    Utterance: {"id": "u9", "speaker": "b", "text": "No.", "start": 0.5, "end": 2.5, "words": (Word("No.", 0.5, 2.5),),
                "evidence": Evidence(snr_db=3.0), "audio": "b.wav", "features": {"f0": 1.0}},
    Speaker: {"id": "c", "name": "Cy", "role": "agent", "channel": 1},
    Dialogue: {"language": "de", "translated_from": "de", "groups": {"fold": "1"}, "genders": {"a": "female"}},
}  # fmt: skip
DESCRIBED = {Utterance: {"label", "dimensions", "voice", "voice_deviation"}, Speaker: set(), Dialogue: {"id", "utterances", "speakers"}}
"""What no channel reads: gold labels, what is only shown to people; and what stands in the other two."""


@pytest.mark.parametrize("kind", OTHERS)
def test_scores_are_kept_by_all_that_a_channel_can_see(kind):
    """A field that the types gain must be added here, and to the key, or said to be seen by nobody."""
    assert {field.name for field in fields(kind)} == set(OTHERS[kind]) | DESCRIBED[kind]
    parts = {Utterance: Utterance("u1", "a", "Yes.", 0.0, 2.0), Speaker: Speaker("a", "Al")}
    before = _shown(Dialogue("d", (parts[Utterance],), (parts[Speaker], Speaker("b"))))
    for name, other in OTHERS[kind].items():
        made = {one: replace(part, **{name: other}) if one is kind else part for one, part in parts.items()}
        if name == "id" and kind is Speaker:
            made[Utterance] = replace(made[Utterance], speaker="c")
        whole = Dialogue("d", (made[Utterance],), (made[Speaker], Speaker("b")))
        assert _shown(replace(whole, **{name: other}) if kind is Dialogue else whole) != before, name
