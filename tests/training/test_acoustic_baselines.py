"""The plain rivals, on made-up voices: they must learn what is easy to hear, choose on dev, and leave predictions behind."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from convemo.errors import ConfigError  # noqa: E402
from convemo.features import ENERGY, FRAME_CHANNELS, MEL  # noqa: E402
from convemo.features.functionals import NAMES  # noqa: E402
from convemo.training import acoustic_baselines  # noqa: E402
from convemo.training.acoustic_baseline_networks import NETWORKS, log_probs  # noqa: E402
from convemo.training.acoustic_baselines import train  # noqa: E402
from convemo.training.acoustic_clips import Clips  # noqa: E402
from convemo.training.acoustic_data import Material  # noqa: E402
from convemo.types import LabelSet  # noqa: E402

LABELS = LabelSet(["neutral", "anger"])
MODELS = ["svm", "mfcc-cnn", "bilstm-attention"]


def made_up(count=64):
    """Clips of 20 to 40 frames by four speakers; anger is louder in the low bands."""
    rng = np.random.default_rng(0)
    labels, lengths = np.arange(count) % 2, rng.integers(20, 41, count)
    frames = rng.normal(0, 1, (lengths.sum(), FRAME_CHANNELS)).astype(np.float16)
    angry = np.repeat(labels, lengths)[:, None]
    frames[:, MEL][:, :10] += 2 * angry
    frames[:, ENERGY] += 2 * angry[:, 0]
    descriptions = rng.normal(0, 1, (1, count, 86)).astype(np.float32)
    descriptions[0, :, : len(NAMES)] += 2 * labels[:, None]
    speakers = np.array([f"d{i % 4}/s" for i in range(count)])
    parts = np.array(["train", "train", "dev", "test"])[np.arange(count) // 2 % 4]
    ends = np.cumsum(lengths)[None]
    return Clips(
        corpus="made-up",
        label_set=LABELS,
        conditions=("clean",),
        conversations=False,
        ids=np.array([f"u{i}" for i in range(count)]),
        dialogues=np.array([s.split("/")[0] for s in speakers]),
        speakers=speakers,
        labels=labels,
        parts=parts,
        descriptions=descriptions,
        frames=(frames,),
        starts=ends - lengths,
        ends=ends,
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    def gather(settings, *_):
        return Material(LABELS, {"made-up": made_up()}, {name: made_up() for name in settings.zero_shot})

    monkeypatch.setattr(acoustic_baselines, "gather", gather)

    def run(model, more=""):
        config = tmp_path / "config.toml"
        config.write_text(f'model = "{model}"\nepochs = 6\nbatch = 8\nwidth = 8\nlearning_rate = 1e-2\n{more}')
        return train(config, tmp_path, tmp_path / "out", seed=3)

    return run


@pytest.mark.parametrize("model", MODELS)
def test_each_learns_what_is_easy_to_hear_and_leaves_predictions(model, run, tmp_path):
    figures = run(model)
    assert figures.keys() == {"dev made-up", "test made-up"}
    assert figures["test made-up"]["ua"] > 0.85
    lines = [json.loads(line) for line in (tmp_path / "out/predictions.jsonl").read_text().splitlines()]
    assert {line["utterance"] for line in lines} == {u for u, part in zip(made_up().ids, made_up().parts) if part != "train"}
    assert all(set(line["probabilities"]) == set(LABELS) for line in lines)
    assert "predictions.jsonl" in (tmp_path / "out/table.md").read_text() and not (tmp_path / "out/model").exists()


def test_corpora_that_it_has_not_heard_have_predictions_of_their_own_and_one_of_them_may_choose(run, tmp_path):
    figures = run("svm", 'corpora = ["ravdess"]\nchoose_on = "nemo"\nzero_shot = ["emodb"]\nrelative = true\n')
    assert figures.keys() == {"zero-shot emodb", "zero-shot nemo"}
    assert {file.name for file in (tmp_path / "out").glob("predictions*")} == {"predictions_emodb.jsonl", "predictions_nemo.jsonl"}
    assert "predictions_emodb.jsonl" in (tmp_path / "out/table.md").read_text()


def test_against_earlier_clips_a_speaker_is_compared_with_what_they_did_before_and_nothing_later():
    clips = made_up(8)
    clips = replace(clips, conversations=True, speakers=np.array(["d/s"] * 8))
    found = acoustic_baselines.against_earlier(clips, np.ones(len(NAMES)))
    values = clips.descriptions[0, :, : len(NAMES)]
    assert not found[0].any()
    np.testing.assert_allclose(found[1], (values[1] - values[0]) / 2 / np.sqrt(4 / 5), rtol=1e-5)
    np.testing.assert_array_equal(acoustic_baselines.against_earlier(clips.subset(np.arange(8) < 5), np.ones(len(NAMES))), found[:5])


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_figures(model, run):
    assert run(model) == run(model)


@pytest.mark.parametrize("model", ["mfcc-cnn", "bilstm-attention"])
def test_the_length_of_its_neighbours_changes_no_score(model):
    clips = made_up(12)
    torch.manual_seed(0)
    network = NETWORKS[model](2, 8, 0.0)
    alone = np.concatenate([log_probs(network, clips.subset(np.arange(12) == i)) for i in range(12)])
    np.testing.assert_allclose(log_probs(network, clips), alone, atol=1e-5)


def test_a_setting_that_does_not_exist_is_an_error(run):
    with pytest.raises(ConfigError, match="epochz"):
        run("svm", "epochz = 3\n")
    with pytest.raises(ConfigError, match="name others"):
        run("svm", 'corpora = ["nemo"]\nchoose_on = "nemo"\n')


@pytest.mark.parametrize("given", [{"fold": 7}, {"seed": -1}])
def test_a_fold_or_seed_that_cannot_be_is_an_error_of_the_configuration(given, tmp_path):
    (tmp_path / "c.toml").write_text('model = "svm"\n')
    with pytest.raises(ConfigError, match=next(iter(given))):
        train(tmp_path / "c.toml", tmp_path, tmp_path / "out", **given)


def test_the_shipped_configurations_are_valid():
    from convemo.training.run import read_config

    folder = acoustic_baselines.Path(acoustic_baselines.__file__).parent / "configs"
    found = {read_config(folder / f"emobox_{m.replace('-', '_')}.toml", acoustic_baselines.BaselineConfig).model for m in MODELS}
    assert found == set(MODELS)
    for name in ("zero_shot_svm_ravdess", "zero_shot_svm_nemo", "emobox_svm_relative"):
        assert read_config(folder / f"{name}.toml", acoustic_baselines.BaselineConfig).relative
