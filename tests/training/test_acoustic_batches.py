"""What a training batch may do to a clip, setting by setting, and what an error costs."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.description import BAND_LEVELS, DESCRIPTION  # noqa: E402
from convemo.features import BANDS, ENERGY, F0, FRAME_CHANNELS, MEL, RATE_HZ, extract  # noqa: E402
from convemo.features.functionals import NAMES  # noqa: E402
from convemo.features.mel import FLOOR_DB, band_centres_hz  # noqa: E402
from convemo.training.acoustic_batches import (  # noqa: E402
    Augmentation,
    Batch,
    Disturbance,
    Normalisation,
    Sampling,
    allowed_labels,
    batches,
    masked,
    measure,
    mixed,
)
from convemo.training.acoustic_clips import Clips  # noqa: E402
from convemo.training.acoustic_conditions import CONDITIONS, SPEED, chance, codec, read_noise  # noqa: E402
from convemo.training.acoustic_config import Loss  # noqa: E402
from convemo.training.acoustic_fit import emotion_loss, label_weights  # noqa: E402
from convemo.types import LABELS, LabelSet  # noqa: E402

STILL = Disturbance(0.0, np.zeros(BANDS), 1.0, 1.0, (0.0, 0.0))
QUIET = Augmentation(
    clean=1, gain_db=0, tempo=0, pitch=0, shift=0, colour_db=0, mask_bands=0, mask_frames=0, description_noise=0, deviation_noise=0,
    mixtures=0,
)  # fmt: skip
UNIT = Normalisation(*(np.zeros(n) if i % 2 == 0 else np.ones(n) for i, n in enumerate((67, 67, 86, 86))), np.ones(86))


def clips_of(labels, label_set=LABELS, conversations=False, length=50, speakers=2) -> Clips:
    """One clip a label, by two speakers in turn; frames and descriptions are noise at -30 dB."""
    rng, n = np.random.default_rng(0), len(labels)
    ends = np.cumsum(np.full((1, n), length), axis=1)
    names = np.array([f"d/{i % speakers}" for i in range(n)])
    frames = (rng.normal(-30, 3, (n * length, FRAME_CHANNELS)).astype(np.float16),)
    descriptions = rng.normal(-30, 3, (1, n, len(DESCRIPTION))).astype(np.float32)
    numbers = np.arange(n).astype(str)
    parts = np.array(["train"] * n)
    return Clips(
        "c", LabelSet(label_set), ("clean",), conversations, numbers, names, names, np.array(labels), parts,
        descriptions, frames, ends - length, ends,
    )  # fmt: skip


def tone(hz: float) -> np.ndarray:
    """One second of four harmonics."""
    t = np.arange(RATE_HZ) / RATE_HZ
    return (0.05 * sum(np.sin(2 * np.pi * k * hz * t) for k in range(1, 5))).astype(np.float32)


# ---- disturbances of features


def test_nothing_is_disturbed_where_all_is_switched_off():
    clips = clips_of([0, 1, 2, 3])
    (batch,) = batches([clips], QUIET, Sampling(history=0, oversampling=0), UNIT, 8, 3.0, np.random.default_rng(0))
    for frames, target in zip(batch.frames, batch.targets):
        np.testing.assert_array_equal(frames, clips.clip_frames(0, int(target.argmax())))


def test_gain_moves_what_sounds_and_not_what_is_cut_off():
    frames = np.full((40, 67), -30.0, dtype=np.float32)
    frames[:, 50:BANDS] = FLOOR_DB
    louder = replace(STILL, gain_db=6.0).frames(frames)
    assert (louder[:, :50] == -24).all() and (louder[:, 50:BANDS] == FLOOR_DB).all() and (louder[:, ENERGY] == -24).all()


def test_gain_and_colour_move_the_description_and_leave_the_deviations_since_the_history_moves_along():
    raw, deviations = np.zeros(86), np.ones(86)
    described, moved = replace(STILL, gain_db=6.0, colour_db=np.linspace(-1, 1, BANDS)).description(raw, deviations, 0.5)
    np.testing.assert_allclose(described[BAND_LEVELS], 6 + np.linspace(-1, 1, BANDS))
    assert described[NAMES.index("energy_mean_db")] == 6
    np.testing.assert_array_equal(moved, deviations)


@pytest.mark.parametrize("by", [0.9, 1.1])
def test_pitch_sounds_as_if_the_voice_were_that_much_higher(by):
    before, higher = extract(tone(200.0)), extract(tone(200.0 * by))
    found = replace(STILL, pitch=by).frames(before.frames)
    voiced = found[10:-10, F0]
    np.testing.assert_allclose(voiced, higher.frames[10 : 10 + len(voiced), F0], atol=0.15)
    speech = slice(0, int(np.searchsorted(band_centres_hz(), 900.0)))
    close = np.abs(found[10:-10, speech] - higher.frames[10 : 10 + len(voiced), speech]).mean()
    assert close < 0.5 * np.abs(before.frames[10:-10, speech] - higher.frames[10 : 10 + len(voiced), speech]).mean()


def test_tempo_stretches_time_and_shift_cuts_the_ends_off():
    frames = np.arange(100, dtype=np.float32)[:, None].repeat(67, axis=1)
    assert len(replace(STILL, tempo=1.2).frames(frames)) == 120
    cut = replace(STILL, cut=(0.1, 0.3)).frames(frames)
    assert len(cut) == 60 and cut[0, PERIODICITY_COLUMN] == 10
    assert len(replace(STILL, cut=(0.5, 0.4)).frames(frames)) == 32, "what is left can still be heard"


PERIODICITY_COLUMN = BANDS + 1


def test_masks_are_as_wide_as_they_may_be_and_hold_the_mean():
    normal = replace(UNIT, frame_mean=np.full(67, 7.0))
    frames = masked(np.zeros((100, 67), dtype=np.float32), Augmentation(mask_bands=10, mask_frames=0.1), normal, np.random.default_rng(3))
    assert set(np.unique(frames)) == {0.0, 7.0}
    assert (frames == 7).all(axis=0).sum() <= 20 and (frames == 7).all(axis=1).sum() <= 20
    untouched = masked(np.zeros((100, 67), dtype=np.float32), Augmentation(mask_bands=0, mask_frames=0), normal, np.random.default_rng(3))
    assert not untouched.any()


def test_a_mixture_holds_as_much_of_the_other_label_as_of_the_other_clip():
    frames = np.stack([np.zeros((10, 67)), np.ones((10, 67))]).astype(np.float32)
    zeros = np.zeros((2, 86), dtype=np.float32)
    batch = Batch(frames, zeros, zeros, zeros[:, :1], np.array([10, 5]), np.eye(2, dtype=np.float32), np.ones((2, 2), dtype=bool))
    for seed in range(4):
        found = mixed(batch, replace(UNIT, frame_mean=np.full(67, 0.5)), np.random.default_rng(seed))
        assert found.targets.sum(axis=1) == pytest.approx([1, 1]) and (found.targets.diagonal() >= 0.6 - 1e-6).all()
        assert found.frames[0, 0, 0] == pytest.approx(found.targets[0, 1], abs=1e-6)
        assert found.frames[0, 7, 0] == pytest.approx(found.targets[0, 1] / 2, abs=1e-6), "beyond its end the shorter is the mean"


# ---- conditions of sound


def test_speed_moves_the_pitch():
    rng = chance("clip", "slow")
    for name in ("slow", "fast"):
        moved = extract(CONDITIONS[name](tone(200.0), rng, ([], []))).functionals[0] - extract(tone(200.0)).functionals[0]
        assert moved == pytest.approx(12 * np.log2(SPEED[name]), abs=0.1)


def test_telephone_cuts_the_top_off():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(CONDITIONS["telephone"](noise, np.random.default_rng(1), ([], [])))) ** 2
    assert spectrum[4000:].sum() < 0.01 * spectrum.sum()


def test_a_codec_changes_the_sound_and_leaves_its_length():
    sound = tone(200.0)
    coded = codec(sound, np.random.default_rng(0), ([], []))
    assert len(coded) == len(sound) and 0 < np.abs(coded - sound).max() < 0.2


def test_a_room_has_its_echo_and_its_noise():
    response = np.zeros(RATE_HZ // 2)
    response[[0, RATE_HZ // 4]] = 1.0
    click = np.zeros(RATE_HZ, dtype=np.float32)
    click[1000] = 1.0
    heard = CONDITIONS["room"](click, np.random.default_rng(0), ([response], []))
    assert heard[1000] > 0.9 and heard[1000 + RATE_HZ // 4] > 0.9
    assert heard[2000:3000].std() > 0


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_clip_is_in_the_same_condition_each_time(name):
    first, again = (CONDITIONS[name](tone(150.0), chance("clip", name), ([], [])) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_without_a_folder_of_noise_there_is_none(tmp_path):
    assert read_noise(None) == read_noise(tmp_path / "absent") == ([], [])


# ---- which clips


def test_a_label_that_a_corpus_does_not_have_is_left_out_of_its_loss():
    full, without = clips_of(list(range(7))), clips_of([0, 1, 2, 3, 4, 6])
    disgust = LABELS.index("disgust")
    allowed = allowed_labels([full, without])
    assert allowed[0].all() and not allowed[1, disgust] and allowed[1].sum() == 6
    logits = torch.zeros(2, 7, requires_grad=True)
    emotion_loss(logits, torch.eye(7)[[0, 0]], torch.from_numpy(allowed), Loss(smoothing=0.1), torch.ones(7)).backward()
    assert logits.grad[0, disgust] > 0 and logits.grad[1, disgust] == 0


def test_a_label_that_nobody_has_stays_in_and_is_learnt_to_be_rare():
    assert allowed_labels([clips_of([0, 1])]).all()


def test_oversampling_draws_rare_labels_as_often_as_common_ones():
    clips, rng = clips_of([0] * 90 + [1] * 10, ("neutral", "joy")), np.random.default_rng(0)

    def share(oversampling):
        drawn = [
            b.targets[:, 1].mean()
            for _ in range(20)
            for b in batches([clips], QUIET, Sampling(oversampling=oversampling), UNIT, 100, 3.0, rng)
        ]
        return np.mean(drawn)

    assert share(0.0) == pytest.approx(0.1, abs=0.03)
    assert share(1.0) == pytest.approx(0.5, abs=0.05)


def test_an_unlabelled_clip_is_never_drawn():
    clips = clips_of([0, 1, -1, -1], ("neutral", "joy"))
    (batch,) = batches([clips], QUIET, Sampling(), UNIT, 8, 3.0, np.random.default_rng(0))
    assert len(batch.targets) == 2


def test_an_actors_history_is_drawn_from_all_their_clips_and_a_conversations_from_what_was_said_before():
    rng = np.random.default_rng(0)
    acted = [b for _ in range(9) for b in batches([clips_of([0, 1, 2, 3])], QUIET, Sampling(history=9), UNIT, 8, 3.0, rng)]
    assert {round(float(h), 3) for b in acted for h in b.heard[:, 0]} == {0.0, round(1 / 4, 3)}, "one other clip, or none"
    (talk,) = batches([clips_of([0, 1, 2, 3], conversations=True)], QUIET, Sampling(oversampling=0), UNIT, 8, 3.0, rng)
    for target, heard in zip(talk.targets.argmax(axis=1), talk.heard[:, 0]):
        assert heard == pytest.approx(0.25 if target >= 2 else 0.0)


def test_without_history_there_are_no_deviations():
    (batch,) = batches([clips_of([0, 1, 2, 3])], Augmentation(), Sampling(history=0), UNIT, 8, 3.0, np.random.default_rng(0))
    assert not batch.deviations.any() and not batch.heard.any()


def test_a_share_of_an_actors_clips_is_heard_as_a_speakers_first_utterance():
    def unknown(share):
        drawn = batches([clips_of([0, 1] * 100)], QUIET, Sampling(history=9, alone=share), UNIT, 50, 3.0, np.random.default_rng(0))
        return np.mean(np.concatenate([batch.heard[:, 0] for batch in drawn]) == 0)

    assert unknown(0.0) < 0.2 and 0.4 < unknown(0.5) < 0.7 and unknown(1.0) == 1


def test_the_normalisation_is_that_of_the_clips():
    normal = measure([clips_of([0, 1] * 20, speakers=4)], np.random.default_rng(0))
    np.testing.assert_allclose(normal.frame_mean[MEL], -30, atol=0.5)
    np.testing.assert_allclose(normal.description_scale, 3, rtol=0.4)


# ---- what an error costs


def cost(logits, target=0, **settings):
    return float(
        emotion_loss(torch.tensor([logits]), torch.eye(2)[[target]], torch.ones(1, 2, dtype=torch.bool), Loss(**settings), torch.ones(2))
    )


def test_plain_it_is_cross_entropy():
    assert cost([0.0, 0.0], smoothing=0) == pytest.approx(np.log(2))
    assert cost([2.0, 0.0], smoothing=0) == pytest.approx(-np.log(1 / (1 + np.exp(-2))))


def test_smoothing_makes_certainty_dear():
    assert cost([20.0, 0.0], smoothing=0.1) > cost([2.0, 0.0], smoothing=0.1) > 0
    assert cost([20.0, 0.0], smoothing=0) < cost([2.0, 0.0], smoothing=0)


def test_focus_forgives_what_is_right_already():
    easy, hard = (cost(x, smoothing=0, focus=2.0) / cost(x, smoothing=0) for x in ([3.0, 0.0], [-3.0, 0.0]))
    assert easy < 0.01 and hard > 0.8


def test_weighting_counts_rare_labels_more_and_the_mean_clip_as_before():
    clips = [clips_of([0] * 9 + [1], ("neutral", "joy", "awe"))]
    np.testing.assert_array_equal(label_weights(clips, 0.0), [1, 1, 1])
    weights = label_weights(clips, 1.0)
    assert weights[1] / weights[0] == pytest.approx(9) and weights[2] == 1
    assert (9 * weights[0] + weights[1]) / 10 == pytest.approx(1)
