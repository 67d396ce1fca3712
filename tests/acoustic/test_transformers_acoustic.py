"""Any audio classifier as the acoustic channel."""

import numpy as np
import pytest

from convemo import registry
from convemo.acoustic.transformers import WINDOW_S, TransformersAcoustic, extract, parts
from convemo.audio import Audio
from convemo.types import LABELS, Dialogue, Speaker, Utterance
from tests.checkpoints.tiny import ACOUSTIC, acoustic_checkpoint

TIMES = ((0.0, 1.0), (1.0, 2.5), (2.4, 2.5), (3.0, 4.0), (4.0, 31.0), (31.5, 33.0), (40.0, 41.0), (None, None))


@pytest.fixture(scope="module")
def audio():
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=34 * 16_000) * 0.1).astype(np.float32)
    samples[:16_000] *= np.sin(np.arange(16_000) / 20)
    samples[int(31.2 * 16_000) :] = 0
    return Audio.from_array(samples, 16_000)


def talk(times=TIMES):
    said = (Utterance(f"u{i}", "ab"[i % 2], start=start, end=end) for i, (start, end) in enumerate(times))
    return Dialogue("d", tuple(said), (Speaker("a"), Speaker("b")))


@pytest.fixture(scope="module", params=ACOUSTIC)
def channel(request, tmp_path_factory):
    folder = acoustic_checkpoint(tmp_path_factory.mktemp("speech") / request.param, request.param)
    return TransformersAcoustic(str(folder), device="cpu", offline=True)


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory):
    return acoustic_checkpoint(tmp_path_factory.mktemp("speech") / "w")


def test_every_architecture_scores_what_is_heard_and_says_why_it_leaves_out_the_rest(channel, audio):
    result = channel.predict(talk(), audio)
    assert result.labels == LABELS and not result.calibrated
    assert result.reasons == (None, None, "0.1 s long; needs 0.3 s", None, None, "silent", "after the end of the sound", "no times")
    assert np.allclose(np.exp(result.log_probs[result.valid]).sum(axis=1), 1, atol=1e-4)


def test_a_score_does_not_depend_on_what_else_is_scored(channel, audio):
    together = channel.predict(talk(), audio).log_probs
    for i in (0, 1, 3):
        assert together[i] == pytest.approx(channel.predict(talk(TIMES[i : i + 1]), audio).log_probs[0], abs=1e-4)


def test_scoring_from_the_middle_on_gives_the_rows_of_the_whole(channel, audio):
    whole = channel.predict(talk(TIMES[:4]), audio).log_probs
    assert whole[2:] == pytest.approx(channel.predict(talk(TIMES[:4]), audio, since=2).log_probs, abs=1e-4)


def test_different_sounds_score_differently(channel, audio):
    a, b = channel.predict(talk(TIMES[:2]), audio).log_probs
    assert np.abs(a - b).max() > 0.001


def test_without_sound_nothing_is_scored(channel):
    assert set(channel.predict(talk(), None).reasons) == {"no sound"}


def test_clips_score_as_utterances_do(channel, audio):
    clips = channel.score([audio.read(0.0, 1.0), audio.read(1.0, 2.5)])
    assert clips == pytest.approx(channel.predict(talk(TIMES[:2]), audio).log_probs, abs=1e-4)


def test_a_long_utterance_is_heard_to_its_end_in_windows_never_all_at_once(wav2vec2, audio, monkeypatch):
    channel, heard = TransformersAcoustic(str(wav2vec2), device="cpu"), []
    run = channel._run
    monkeypatch.setattr(channel, "_run", lambda windows: heard.extend(len(w) / 16_000 for w in windows) or run(windows))
    channel.predict(talk([(4.0, 31.0)]), audio)
    assert max(heard) <= WINDOW_S and sum(heard) == pytest.approx(27.0, abs=0.01) and len(set(heard)) == 1


def test_many_utterances_take_no_more_memory_than_few(wav2vec2, audio, monkeypatch):
    channel, most = TransformersAcoustic(str(wav2vec2), device="cpu"), []
    together = channel._together
    monkeypatch.setattr(channel, "_together", lambda windows: most.append(len(windows)) or together(windows))
    channel.predict(talk([(i * 0.1, i * 0.1 + 0.4) for i in range(200)]), audio)
    assert sum(most) == 200 and max(most) == 64


def test_a_speaker_with_a_channel_of_their_own_is_heard_on_it(wav2vec2):
    rng = np.random.default_rng(1)
    left, right = (rng.normal(size=(2, 32_000)) * np.array([[0.1], [0.02]])).astype(np.float32)
    stereo = Audio.from_array(np.stack([left, right], axis=1), 16_000)
    dialogue = Dialogue("d", (Utterance("u", "a", start=0.0, end=2.0),), (Speaker("a", channel=1),))
    channel = TransformersAcoustic(str(wav2vec2), device="cpu")
    alone = channel.predict(talk([(0.0, 2.0)]), Audio.from_array(right, 16_000))
    assert channel.predict(dialogue, stereo).log_probs == pytest.approx(alone.log_probs, abs=1e-3)


def test_a_checkpoint_of_another_rate_hears_resampled_sound(tmp_path):
    channel = TransformersAcoustic(str(acoustic_checkpoint(tmp_path / "8k", rate_hz=8_000)), device="cpu")
    assert extract(channel._processor, [np.zeros(16_000, np.float32)])["input_values"].shape == (1, 8_000)
    assert channel.score([np.random.default_rng(0).normal(size=16_000).astype(np.float32)]).shape == (1, 7)


def test_four_emotions_in_three_letters_are_ours(tmp_path, audio):
    channel = TransformersAcoustic(str(acoustic_checkpoint(tmp_path / "iemocap", labels=("neu", "hap", "ang", "sad"))), device="cpu")
    p = channel.predict(talk(TIMES[:1]), audio).probabilities(0)
    assert p["fear"] == p["disgust"] == pytest.approx(1 / 7, abs=1e-4) and "no label for fear, disgust, surprise" in channel.notes[0]


def test_half_precision_says_nearly_the_same(wav2vec2, audio):
    full, half = (
        TransformersAcoustic(f"{wav2vec2}?dtype={d}", device="cpu").predict(talk(TIMES[:2]), audio) for d in ("float32", "bfloat16")
    )
    assert np.abs(np.exp(full.log_probs) - np.exp(half.log_probs)).max() < 0.1


def test_it_is_registered(wav2vec2):
    assert registry.build("acoustic", f"transformers:{wav2vec2}", device="cpu").model.id.startswith("transformers:w@")


def test_parts_are_equal_and_short_enough():
    lengths = [len(part) for part in parts(np.zeros(16_000 * 25 + 7))]
    assert len(lengths) == 3 and len(set(lengths)) == 1 and sum(lengths) > 16_000 * 25
