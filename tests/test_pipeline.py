"""The whole path, on real input: what goes in, and what a user may rely on coming out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convemo import (
    Analysis,
    Analyzer,
    AudioError,
    ChannelResult,
    ConfigError,
    Dialogue,
    LabelSet,
    Policy,
    Speaker,
    Transcript,
    TranscriptError,
    TranscriptSegment,
    UnknownEngine,
    Utterance,
    audio,
    registry,
)
from convemo.readers import read_transcript
from convemo.types import ModelInfo

EXAMPLES = Path(__file__).parents[1] / "examples"
CALL, TRANSCRIPT = EXAMPLES / "support_call.flac", EXAMPLES / "support_call.vtt"


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer(offline=True, asr="none")


@pytest.fixture(scope="module")
def call(analyzer) -> Analysis:
    return analyzer.analyze(CALL, transcript=TRANSCRIPT)


def test_a_recording_with_its_transcript_is_judged_by_words_and_voice(call):
    assert len(call) >= 12 and {u.name for u in call} == {"Agent Maya", "Customer Tom"}
    assert all(u.channels["text"] is not None and u.channels["acoustic"] is not None for u in call)
    assert not call.notes


def test_what_a_transcripts_reader_left_out_is_in_the_notes(analyzer, tmp_path):
    ticket = tmp_path / "ticket.json"
    ticket.write_text(
        '{"comments": [{"author_id": 1, "public": true, "body": "Hello."}, {"author_id": 2, "public": false, "body": "Careful."}]}'
    )
    analysis = analyzer.analyze(ticket)
    assert [u.text for u in analysis] == ["Hello."] and "1 internal note is left out." in analysis.notes


def test_the_words_of_the_example_are_understood(call):
    by_text = {u.text: u.label for u in call}
    assert by_text["Thank you so much, you really made my day."] == "joy"
    assert any(u.label == "anger" for u in call if u.role == "customer")
    assert sum(u.label == "neutral" for u in call if u.role == "agent") >= 3


def test_no_word_of_the_transcript_is_lost_and_none_is_doubled(call):
    written = " ".join(segment.text for segment in read_transcript(TRANSCRIPT).segments)
    assert " ".join(u.text for u in call).split() == written.split()


def test_each_speaker_of_a_stereo_call_has_a_channel_and_a_role(call):
    assert {(s.role, s.channel) for s in call.dialogue.speakers} == {("agent", 0), ("customer", 1)}


def test_every_probability_is_one(call):
    for u in call:
        for p in (u.probabilities, *u.channels.values()):
            assert sum(p.values()) == pytest.approx(1.0) and min(p.values()) >= 0
    assert all(u.label in u.prediction_set for u in call)


def test_the_provenance_names_every_model_with_its_fingerprint_and_licence(call):
    assert all(len(c.model.sha256) == 64 and c.model.licence for c in (*call.channels.values(), call.fused))
    assert {"convemo", "config_sha256", "audio_sha256", "transcript_sha256", "context"} <= call.provenance.keys()
    assert (call.provenance["transcript"], call.provenance["transcript_path"]) == ("vtt", str(TRANSCRIPT))


def test_the_same_input_gives_the_same_result(analyzer, call):
    assert analyzer.analyze(CALL, transcript=TRANSCRIPT) == call


def test_a_saved_analysis_loads_back_equal(call, tmp_path):
    assert Analysis.load(call.save(tmp_path / "call.json")) == call


def test_a_transcript_alone_is_judged_by_its_words(analyzer):
    analysis = analyzer.analyze(TRANSCRIPT)
    assert all(u.channels["acoustic"] is None and u.label is not None for u in analysis)
    assert analysis[0].start == pytest.approx(0.5)


def test_a_chat_without_times_keeps_its_order(analyzer, tmp_path):
    file = tmp_path / "chat.txt"
    file.write_text("Ana: Hello, how can I help?\nBen: My order is late, I am furious!\nAna: I am so sorry.\nBen: Fix it now!\n")
    assert [u.speaker for u in analyzer.analyze(file)] == ["Ana", "Ben", "Ana", "Ben"]


def test_a_recording_alone_without_whisper_is_judged_by_voice_and_says_so(analyzer):
    analysis = analyzer.analyze(CALL)
    assert {s.channel for s in analysis.dialogue.speakers} == {0, 1}
    assert analysis.provenance["diarizer"] == "channels"
    assert all(u.text is None for u in analysis) and any(u.label is not None for u in analysis)
    assert "by voice alone" in analysis.notes[0]


def test_an_array_is_heard_like_a_file(analyzer):
    with audio.load(CALL) as sound:
        samples = np.stack([sound.read(channel=0), sound.read(channel=1)], axis=1)
    analysis = analyzer.analyze(samples, transcript=TRANSCRIPT, rate_hz=16_000, id="array")
    assert analysis.dialogue.id == "array" and analysis.recording.path is None
    assert all(u.channels["acoustic"] is not None for u in analysis)


def test_an_array_needs_its_rate(analyzer):
    with pytest.raises(ConfigError, match="rate_hz"):
        analyzer.analyze(np.zeros(16_000, np.float32))


def test_a_dialogue_of_your_own_is_judged(analyzer):
    dialogue = Dialogue("d", (Utterance("u1", "a", "I hate this, it is awful and you lied to me!"),), (Speaker("a"),))
    assert analyzer.analyze(dialogue)[0].label in ("anger", "disgust")


def test_an_empty_dialogue_and_one_of_another_name_keep_and_take_their_names(analyzer):
    empty = Dialogue("d", (), ())
    assert (analyzer.analyze(empty).dialogue.id, analyzer.analyze(empty, id="e").dialogue.id) == ("d", "e")


@pytest.mark.parametrize("source", [None, 42, b"call.wav", [0.0, 0.1]])
def test_what_is_no_source_is_one_clear_error(analyzer, source):
    with pytest.raises(ConfigError, match=f"found a {type(source).__name__}"):
        analyzer.analyze(source, rate_hz=16_000)


def test_words_cannot_be_given_twice(analyzer):
    with pytest.raises(ConfigError, match="one transcript, found two"):
        analyzer.analyze(Dialogue("d", (), ()), transcript=TRANSCRIPT)


def test_without_a_diarizer_and_without_words_all_speech_is_one_speakers():
    analysis = Analyzer(offline=True, asr="none", diarizer="none").analyze(CALL)
    assert {u.speaker for u in analysis} == {"speaker 1"} and any(u.label is not None for u in analysis)
    assert all(u.duration_s <= 15 for u in analysis.dialogue)


def test_a_transcript_that_names_its_speakers_is_believed_over_a_diarizer():
    analysis = Analyzer(offline=True, diarizer="embedded").analyze(CALL, transcript=TRANSCRIPT)
    assert {u.name for u in analysis} == {"Agent Maya", "Customer Tom"}
    assert analysis.provenance["diarizer"] == "transcript" and "'embedded' was not asked" in analysis.notes[0]


def test_lines_without_times_are_judged_by_text_and_the_others_by_both(analyzer):
    with audio.load(CALL) as sound:
        samples = sound.read(0.0, 5.0)
    lines = (TranscriptSegment("Good morning to you.", 0.5, 2.5, "Maya"), TranscriptSegment("I am furious!", speaker="Tom"))
    analysis = analyzer.analyze(samples, transcript=Transcript(lines), rate_hz=16_000)
    assert [[name for name, p in u.channels.items() if p is not None] for u in analysis] == [["text", "acoustic"], ["text"]]
    assert "no times" in analysis.notes[0]


def test_words_after_the_end_of_the_sound_are_judged_by_text_alone(analyzer):
    lines = (TranscriptSegment("Why is this so late?", 30.0, 32.0, "Tom"),)
    (u,) = analyzer.analyze(np.zeros(32_000, np.float32), transcript=Transcript(lines), rate_hz=16_000)
    assert u.label is not None and u.channels["acoustic"] is None
    assert analyzer.analyze(Transcript(()), id="nothing").to_dict()["utterances"] == []


class Echo:
    """A third party's engine: hears one sentence wherever it listens, and says how many channels it was given."""

    id = "echo"

    def __init__(self, **settings):
        pass

    def transcribe(self, sound, progress=None, language=None):
        return Transcript((TranscriptSegment(f"I heard {sound.channels} channel.", 1.0, 3.0),), language="en", source=self.id)


def test_each_channel_of_a_stereo_call_is_transcribed_by_itself(monkeypatch):
    monkeypatch.setitem(registry.BUILT_IN["asr"], "echo", f"{__name__}:Echo")
    analysis = Analyzer(offline=True, asr="echo").analyze(CALL)
    assert [(u.speaker, u.text) for u in analysis] == [("speaker 1", "I heard 1 channel."), ("speaker 2", "I heard 1 channel.")]
    assert (analysis.provenance["transcript"], analysis.provenance["diarizer"]) == ("echo", "channels")


class Translator(Echo):
    """A third party's engine that makes English of Polish."""

    def transcribe(self, sound, progress=None, language=None):
        heard = super().transcribe(sound)
        return replace(heard, language_confidence=0.9, translated_from="pl", notes=("Translated from 'pl'.",))


def test_a_translation_is_read_by_the_text_channel_and_marked_as_one(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.BUILT_IN["asr"], "translator", f"{__name__}:Translator")
    analysis = Analyzer(offline=True, asr="translator", translate=True).analyze(CALL)
    assert all(u.probabilities is not None for u in analysis)
    assert (analysis.dialogue.language, analysis.dialogue.translated_from) == ("en", "pl")
    assert (analysis.provenance["spoken_language"], analysis.provenance["spoken_language_confidence"]) == ("pl", 0.9)
    assert analysis.notes.count("Translated from 'pl'.") == 1  # both channels say so, the reader is told once
    assert Analysis.load(analysis.save(tmp_path / "call.json")) == analysis


def test_words_that_were_given_are_not_translated_and_that_is_said(analyzer):
    polish = Transcript((TranscriptSegment("Dzień dobry.", speaker="Ana"),), language="pl")
    assert any("taken as they are" in note for note in Analyzer(translate=True).analyze(polish).notes)
    assert not any("taken as they are" in note for note in Analyzer(translate=True).analyze(replace(polish, language="en")).notes)


class Moods:
    """A third party's channel, with labels of its own."""

    name, labels, model = "moods", LabelSet(("calm", "cross")), ModelInfo("moods-1", licence="MIT")

    def predict(self, dialogue, audio=None, since=0):
        scores = np.log(np.tile([0.25, 0.75], (len(dialogue), 1)))
        return ChannelResult(self.name, self.labels, scores, (None,) * len(dialogue), model=self.model)


@pytest.fixture
def moods(monkeypatch):
    monkeypatch.setitem(registry.BUILT_IN["text"], "moods", f"{__name__}:Moods")


def test_a_channel_with_labels_of_its_own_stands_alone_and_is_saved(moods, tmp_path):
    analysis = Analyzer(text="moods", channels="text").analyze(TRANSCRIPT)
    assert {u.label for u in analysis} == {"cross"} and analysis.channels["text"].calibrated is False
    loaded = Analysis.load(analysis.save(tmp_path / "call.json"))
    assert loaded == analysis and dict(loaded.channels) == dict(analysis.channels)


def test_a_channel_with_labels_of_its_own_is_not_fused_by_force(moods):
    with pytest.raises(ConfigError, match="found calm, cross"):
        Analyzer(text="moods").analyze(TRANSCRIPT)


def test_silence_is_a_valid_result_that_says_nobody_spoke(analyzer):
    analysis = analyzer.analyze(np.zeros(32_000, np.float32), rate_hz=16_000)
    assert len(analysis) == 0 and any("No voice" in note for note in analysis.notes)


class Muffler:
    """A denoiser that leaves a tenth of everything."""

    id = "muffler"

    def denoise(self, sound):
        rows = np.stack([sound.read(channel=c) for c in range(sound.channels)], axis=1)
        return audio.Audio.from_array(rows / 10, sound.rate_hz)


def test_only_the_acoustic_channel_hears_what_a_denoiser_leaves(monkeypatch, call):
    monkeypatch.setitem(registry.BUILT_IN["denoiser"], "muffler", f"{__name__}:Muffler")
    cleaned = Analyzer(offline=True, denoise="muffler").analyze(CALL, TRANSCRIPT)
    assert not np.allclose(cleaned.channels["acoustic"].log_probs, call.channels["acoustic"].log_probs)
    assert cleaned.channels["text"] == call.channels["text"] and cleaned.dialogue == call.dialogue
    assert cleaned.provenance["config"]["denoise"] == "muffler"


def test_a_denoiser_that_nobody_knows_is_told_before_anything_is_heard():
    with pytest.raises(UnknownEngine, match="'hush'"):
        Analyzer(denoise="hush").analyze("no-such-recording.wav")


def test_excluded_people_are_shown_to_no_channel():
    seen = []

    class Spy(Analyzer):
        def _channel(self, name):
            channel, why = super()._channel(name)
            predict = channel.predict

            def watched(dialogue, sound, since=0):
                seen.extend(u.speaker for u in dialogue)
                return predict(dialogue, sound, since=since)

            channel.predict = watched
            return channel, why

    analysis = Spy(offline=True, policy="exclude:agent").analyze(CALL, transcript=TRANSCRIPT)
    assert set(seen) == {"Customer Tom"}
    for u in analysis:
        assert (u.label is None) == (u.role == "agent")
        assert u.role != "agent" or u.reason == "excluded by the policy: agent"


def test_a_name_that_the_policy_excludes_and_nobody_has_is_told():
    analysis = Analyzer(offline=True, policy="exclude:Jon").analyze(TRANSCRIPT)
    assert analysis.notes == ("The policy excludes Jon, but nobody is called so here. Here are: Agent Maya, Customer Tom.",)


def test_the_transcript_of_another_call_is_told(analyzer):
    analysis = analyzer.analyze(np.zeros(16_000 * 20, np.float32), transcript=TRANSCRIPT, rate_hz=16_000)
    assert any("begin after the end of the recording" in note for note in analysis.notes)


def test_a_language_that_is_given_counts_where_the_transcript_says_none():
    chat = Transcript((TranscriptSegment("Das tut mir leid.", speaker="Ana"),))
    assert Analyzer(offline=True, language="de").analyze(chat)[0].reason == (
        "text: the text model reads English; this transcript is in 'de'; acoustic: no sound"
    )


def test_without_words_and_voice_nothing_is_claimed():
    analysis = Analyzer(offline=True, asr="none", channels="text").analyze(CALL)
    assert analysis.notes[0].startswith("Nothing can be judged") and all(u.label is None for u in analysis)


def test_without_fusion_a_note_says_what_is_missing():
    assert any("Fusion is off" in note for note in Analyzer(offline=True, channels="text").analyze(TRANSCRIPT).notes)


def test_a_long_conversation_is_scored_in_parts_with_the_same_result(monkeypatch, call):
    told = []
    monkeypatch.setattr("convemo.pipeline._FEWEST_AT_ONCE", 5)
    analyzer = Analyzer(offline=True, asr="none", progress=lambda stage, done, total: told.append((stage, done)))
    assert analyzer.analyze(CALL, transcript=TRANSCRIPT) == call
    assert [done for stage, done in told if stage == "text"] == [5, 10, 15, 19]


def test_text_only_never_loads_the_acoustic_channel():
    analysis = Analyzer(offline=True, policy=Policy(mode="text-only")).analyze(CALL, transcript=TRANSCRIPT)
    assert set(analysis.channels) == {"text"} and "text-only" in analysis.notes[0]


def test_where_no_channel_is_left_every_utterance_says_so():
    analysis = Analyzer(offline=True, policy="text-only", channels="acoustic").analyze(TRANSCRIPT)
    assert set(analysis.channels) == {"acoustic"} and {u.reason for u in analysis} == {"no channel is on"}
    assert not analysis.channels["acoustic"].calibrated, "what is off has nothing that could be calibrated"
    assert Analyzer(offline=True, channels="acoustic").analyze(TRANSCRIPT)[0].reason == "no sound"


def test_where_everybody_is_excluded_nothing_is_judged(analyzer, tmp_path):
    analysis = Analyzer(offline=True, policy="exclude:agent,customer").analyze(CALL, transcript=TRANSCRIPT)
    assert all(u.label is None and u.reason.startswith("excluded by the policy") for u in analysis)
    assert Analysis.load(analysis.save(tmp_path / "call.json")) == analysis


def test_permissive_weights_leave_the_acoustic_channel_off_and_say_why():
    analysis = Analyzer(offline=True, weights="permissive").analyze(CALL, transcript=TRANSCRIPT)
    assert set(analysis.channels) == {"text"} and "CC-BY-NC-SA-4.0" in analysis.notes[0]
    assert not any("-NC" in opinion.model.licence for opinion in (*analysis.channels.values(), analysis.fused))


def test_only_the_channels_asked_for_are_formed(call):
    analysis = Analyzer(offline=True, channels="acoustic").analyze(CALL, transcript=TRANSCRIPT)
    assert set(analysis.channels) == {"acoustic"} and analysis.fused is None
    assert [u.probabilities for u in analysis] == [u.channels["acoustic"] for u in call]


def test_causal_a_later_utterance_changes_no_earlier_one(analyzer):
    lines = [TranscriptSegment(t, speaker=s) for s, t in (("a", "Hello."), ("b", "This is terrible!"), ("a", "Wonderful, thanks!"))]
    whole, part = (analyzer.analyze(Transcript(tuple(lines[:n]))) for n in (3, 2))
    assert [u.probabilities for u in part] == [u.probabilities for u in whole][:2]


def test_smoothing_is_written_into_the_provenance():
    assert Analyzer(offline=True, smooth=True).analyze(TRANSCRIPT).provenance["context"].startswith("smooth")


def test_the_progress_hook_is_told_every_stage():
    told = []
    Analyzer(offline=True, asr="none", progress=lambda stage, done, total: told.append(stage)).analyze(CALL)
    assert {"decode", "diarize", "text", "acoustic"} <= set(told)


def test_several_conversations_in_one_file_need_a_choice(analyzer, tmp_path):
    file = tmp_path / "chats.csv"
    file.write_text("conversation_id,speaker,text\nc1,Ana,Hello there.\nc2,Ben,Good bye.\n")
    with pytest.raises(TranscriptError, match="'c1', 'c2'"):
        analyzer.analyze(file)
    assert analyzer.analyze(file, conversation="c2")[0].text == "Good bye."


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("missing.wav", None, AudioError, "no such file"),
        ("empty.wav", b"", AudioError, "an empty file"),
        ("text.wav", b"Ana: hello\nBen: hi\n", AudioError, "a recording, as .wav says, found text"),
        ("noise.wav", bytes(range(256)) * 64, AudioError, "expected"),
        ("missing.vtt", None, TranscriptError, "no such file"),
        ("empty.vtt", b"", TranscriptError, "an empty file"),
        ("broken.vtt", b"WEBVTT\n\nnot a cue\n", TranscriptError, "expected"),
    ],
)
def test_a_bad_file_is_one_clear_error(analyzer, tmp_path, name, content, error, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        analyzer.analyze(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_truncated_recording_is_judged_as_far_as_it_goes_and_says_so(analyzer, tmp_path):
    file = tmp_path / "cut.flac"
    file.write_bytes(CALL.read_bytes()[: CALL.stat().st_size // 2])
    analysis = analyzer.analyze(file)
    assert len(analysis) > 0 and any("promise" in note for note in analysis.notes)


def test_spoken_words_are_transcribed_and_judged(data_root):
    pytest.importorskip("pocketsphinx")
    analysis = Analyzer(asr="pocketsphinx", offline=True).analyze(data_root / "conversations" / "jfk.flac")
    words = " ".join(u.text for u in analysis if u.text).split()
    assert len(words) > 10 and "country" in words
    assert analysis.provenance["transcript"].startswith("pocketsphinx")
    assert all(u.words for u in analysis if u.text)


@pytest.fixture(scope="module")
def described() -> Analysis:
    return Analyzer(offline=True, asr="none", channels="text", describe=True).analyze(CALL, transcript=TRANSCRIPT)


def test_voices_are_described_only_when_asked_for(call, described):
    assert all(u.voice is None and u.voice_deviation is None for u in call) and call.voices == {}
    assert all(u.voice["f0_mean_hz"] and u.voice.keys() == u.voice_deviation.keys() for u in described)
    assert set(described.voices) == {"Agent Maya", "Customer Tom"}


def test_described_voices_are_saved_loaded_back_equal_and_stand_in_the_table(call, described, tmp_path):
    loaded = Analysis.load(described.save(tmp_path / "call.json"))
    assert loaded == described != call and loaded[3].voice == described[3].voice and loaded.voices == described.voices
    header, plain = (a.save(tmp_path / "call.csv").read_text(encoding="utf-8").splitlines()[0] for a in (described, call))
    assert {"voice.f0_mean_hz", "voice.jitter_local", "voice_deviation.energy_mean_db"} <= set(header.split(","))
    assert "voice" not in plain


def test_whom_the_policy_excludes_is_never_described():
    policy = "exclude:agent"
    analysis = Analyzer(offline=True, asr="none", channels="text", describe=True, policy=policy).analyze(CALL, transcript=TRANSCRIPT)
    assert {u.role for u in analysis if u.voice is not None} == {"customer"} and set(analysis.voices) == {"Customer Tom"}


def test_under_text_only_nobody_is_described_and_a_note_says_why():
    analysis = Analyzer(offline=True, asr="none", describe=True, policy="text-only").analyze(CALL, transcript=TRANSCRIPT)
    assert analysis.voices == {} and "Voices are not described: the policy is text-only." in analysis.notes


def test_a_dialogue_that_comes_with_voices_loses_those_that_the_policy_forbids(described):
    analyzer = Analyzer(offline=True, channels="text", policy="exclude:agent")
    assert set(analyzer.analyze(described.dialogue).voices) == {"Customer Tom"}
    assert Analyzer(offline=True, policy="text-only").analyze(described.dialogue).voices == {}


def test_without_sound_there_is_nothing_to_describe():
    assert "Voices are not described: there is no sound." in Analyzer(describe=True, channels="text").analyze(TRANSCRIPT).notes


def test_nobody_is_said_to_have_been_told_apart_in_silence():
    silence = np.zeros(16_000 * 4, np.float32)
    assert not any("told apart" in note or "one person" in note for note in Analyzer(asr="none").analyze(silence, rate_hz=16_000).notes)
