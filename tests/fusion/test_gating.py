"""Gating: poor material makes a channel count for less, learned only where dialogues left out agree, and told in words."""

from dataclasses import fields, replace

import numpy as np
import pytest

from convemo.fusion.fit import FitSettings, fit
from convemo.fusion.gating import LEAST, MOST, QUALITY, Gate, qualities
from convemo.fusion.parameters import FusionParameters
from convemo.metrics import expected_calibration_error, negative_log_likelihood
from convemo.results import Weighting
from convemo.types import ChannelResult, Dialogue, Evidence, ModelInfo, Speaker, Utterance

CHANNELS = {"text": {"clarity": 1.2}, "acoustic": {"clarity": 1.2}}


def heard(*evidence: Evidence) -> Dialogue:
    return Dialogue("d", tuple(Utterance(f"u{i}", "ana", evidence=e) for i, e in enumerate(evidence)), (Speaker("ana"),))


def factors(gate: dict[str, float], *evidence: Evidence) -> list[float]:
    return Gate(gate).factors(qualities(heard(*evidence))).tolist()


def worsened(dialogues, results, seed=0):
    """Some utterances in noise: their acoustic scores are those of another utterance, as likely as the SNR is low."""
    random = np.random.default_rng(seed)
    noisy, mixed = [], []
    for dialogue, channels in zip(dialogues, results):
        snr_db = random.uniform(-5, 30, len(dialogue))
        lost = random.random(len(dialogue)) > (snr_db + 5) / 35
        voice, other = channels["acoustic"].log_probs, random.permutation(len(dialogue))
        scores = np.where(lost[:, None], voice[other], voice)
        mixed.append(channels | {"acoustic": replace(channels["acoustic"], log_probs=scores)})
        utterances = tuple(replace(u, evidence=Evidence(snr_db=float(s))) for u, s in zip(dialogue, snr_db))
        noisy.append(replace(dialogue, utterances=utterances))
    return noisy, mixed


@pytest.fixture(scope="module")
def data(corpus):
    return worsened(*corpus(40, seed=1, channels=CHANNELS))


@pytest.fixture(scope="module")
def fitted(data):
    return fit(*data, settings=FitSettings(folds=3))


@pytest.fixture(scope="module")
def ungated(data):
    return fit(*data, settings=FitSettings(folds=3, gating=False))


def test_every_number_of_the_evidence_has_a_quality():
    assert list(QUALITY) == [f.name for f in fields(Evidence)]


def test_good_material_and_unknown_material_leave_a_channel_its_weight():
    good = Evidence(2.0, 20.0, 0.0, 0.0, 0.9, 1.0, 8000.0)
    assert factors(dict.fromkeys(QUALITY, 1.0), good, Evidence()) == [1.0, 1.0]


@pytest.mark.parametrize(("name", "worse", "better"), [
    ("speech_s", 0.4, 1.5), ("snr_db", 3.0, 15.0), ("overlap", 0.8, 0.1), ("clipping", 0.04, 0.001),
    ("asr_confidence", 0.5, 0.8), ("speaker_confidence", 0.5, 0.9), ("bandwidth_hz", 3500.0, 7000.0),
])  # fmt: skip
def test_better_material_counts_for_more(name, worse, better):
    less, more = factors({name: 0.7}, Evidence(**{name: worse}), Evidence(**{name: better}))
    assert LEAST <= less < more < 1


def test_no_material_silences_a_channel_and_none_makes_it_shout():
    assert factors({"snr_db": 9.0}, Evidence(snr_db=-40.0), Evidence(snr_db=90.0)) == [LEAST, MOST]


def test_a_gate_is_found_where_noise_makes_a_channel_unreliable_and_only_there(fitted):
    assert fitted.parameters.channels["acoustic"].gate["snr_db"] > 0.3
    assert fitted.parameters.channels["text"].gate == {}


def test_gates_help_on_new_dialogues_and_keep_them_calibrated(fitted, ungated, corpus, judged):
    dialogues, results = worsened(*corpus(60, seed=2, channels=CHANNELS), seed=1)
    with_gates, without = (judged(dialogues, [f.fuse(d, r).result for d, r in zip(dialogues, results)]) for f in (fitted, ungated))
    assert negative_log_likelihood(*with_gates) < negative_log_likelihood(*without) - 0.01
    assert expected_calibration_error(*with_gates) < 0.06


def test_evidence_that_tells_nothing_gates_nothing(corpus):
    random = np.random.default_rng(0)
    dialogues, results = corpus(30, seed=3, channels=CHANNELS)
    idle = [replace(d, utterances=tuple(replace(u, evidence=Evidence(snr_db=float(random.uniform(-5, 30)))) for u in d)) for d in dialogues]
    gates = [c.gate for c in fit(idle, results, settings=FitSettings(folds=3)).parameters.channels.values()]
    assert all(weight < 0.1 for gate in gates for weight in gate.values())


def test_without_evidence_nothing_is_gated(corpus):
    parameters = fit(*corpus(20, seed=1, channels=CHANNELS), settings=FitSettings(folds=2)).parameters
    assert all(channel.gate == {} for channel in parameters.channels.values())


def test_gates_can_be_forbidden_and_are_not_held_back(data, fitted, ungated):
    assert all(channel.gate == {} for channel in ungated.parameters.channels.values())
    half = fit(*data, settings=FitSettings(folds=3, trust=0.5))
    assert half.parameters.channels == fitted.parameters.channels


def test_a_gate_survives_being_saved_and_a_file_without_one_loads(fitted, tmp_path):
    fitted.parameters.save(tmp_path / "fusion.json")
    assert FusionParameters.load(tmp_path / "fusion.json") == fitted.parameters
    old = fitted.parameters.model_dump(mode="json")
    for channel in old["channels"].values():
        del channel["gate"]
    assert FusionParameters.model_validate(old).channels["acoustic"].gate == {}


def test_fusion_says_how_far_it_heard_a_channel_and_why(fitted):
    poor, good, chat = Evidence(snr_db=0.0), Evidence(snr_db=20.0), Evidence()
    scores = np.log(np.tile([0.1, 0.7, 0.1, 0.1], (3, 1)))
    channels = {n: ChannelResult(n, fitted.labels, scores, (None,) * 3) for n in ("text", "acoustic")}
    fused = fitted.fuse(heard(poor, good, chat), channels)
    (told, *rest) = fused.weighting["acoustic"]
    assert told.because == ("0 dB SNR",) and told.factor < 0.7 and rest == [None, None]
    assert list(fused.weighting) == ["acoustic"]
    assert fused.contributions["acoustic"][0] == pytest.approx(told.factor * fused.contributions["acoustic"][1], rel=0.05)


def test_reasons_are_those_that_pull_the_way_it_went_strongest_first():
    gate, evidence = Gate({"snr_db": 0.3, "speech_s": 0.5, "bandwidth_hz": 0.05}), Evidence(speech_s=0.4, snr_db=3.0, bandwidth_hz=3500.0)
    assert gate.weighting(evidence, qualities(heard(evidence))[0]) == Weighting(0.18, ("0.4 s of speech", "3 dB SNR"))


def test_the_gate_of_another_model_is_not_used(fitted):
    scores = np.log(np.tile([0.1, 0.7, 0.1, 0.1], (1, 1)))
    strange = ChannelResult("acoustic", fitted.labels, scores, (None,), model=ModelInfo("somebody-elses"))
    assert fitted.fuse(heard(Evidence(snr_db=0.0)), {"acoustic": strange}).weighting == {}
