"""The acoustic training, on made-up actors: it must run, stop, go on and keep its promises; how good it gets is the model card's matter."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.channel import AcousticChannel  # noqa: E402
from convemo.data import nemo, ravdess  # noqa: E402
from convemo.errors import ConfigError, DataError  # noqa: E402
from convemo.features import BANDS, ENERGY  # noqa: E402
from convemo.features.functionals import NAMES  # noqa: E402
from convemo.features.mel import FLOOR_DB  # noqa: E402
from convemo.metrics import Interval  # noqa: E402
from convemo.training import acoustic, acoustic_export, acoustic_scores  # noqa: E402
from convemo.training.acoustic_batches import Augmentation, Normalisation, allowed_labels, batches, disturb, measure  # noqa: E402
from convemo.training.acoustic_clips import CONDITIONS, Clips, load_clips, telephone  # noqa: E402
from convemo.training.acoustic_scores import histories  # noqa: E402
from convemo.types import LABELS  # noqa: E402

RATE_HZ = 16_000
TINY = """
corpora = ["ravdess"]
zero_shot = ["nemo"]
epochs = 2
batch = 8
export = true
network = { width = 8, layers = 1, heads = 2, hidden = 8 }
"""


def write_voice(path: Path, f0_hz: float, level: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    sound = level * sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 9))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """Four actors of RAVDESS with eight clips each, two of nEMO with six, in the layouts that the loaders document."""
    root = tmp_path_factory.mktemp("data")
    for actor in ("01", "02", "06", "07"):
        for emotion in range(1, 9):
            write_voice(
                root / f"ravdess/Actor_{actor}/03-01-{emotion:02}-01-01-01-{actor}.wav", 90 + 10 * emotion + int(actor), 0.02 * emotion
            )
    lines = ["file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"]
    for actor in ("EB0", "IC0"):
        for i, emotion in enumerate(("neutral", "happiness", "sadness", "anger", "fear", "surprised")):
            write_voice(root / f"nemo/audio/{actor}_{emotion}_1.wav", 120 + 15 * i, 0.1)
            lines.append(f"{actor}_{emotion}_1.wav\t{emotion}\tDzień dobry.\tdzień dobry\t        {actor}\tfemale\t27")
    (root / "nemo/data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def clips(corpora, runs) -> dict[str, Clips]:
    """The features of both corpora, in the cache that the runs find too."""
    loaders = {"ravdess": ravdess.load, "nemo": nemo.load}
    return {name: load_clips(name, load(corpora / name), runs / "cache" / f"{name}.npz") for name, load in loaders.items()}


@pytest.fixture
def run(corpora, clips, runs, monkeypatch):
    """``run(out)`` trains the tiny model; an untrained one may lose labels to int8, so parity is not asked of it."""
    monkeypatch.setattr(acoustic_export, "SAME_LABEL", 0.0)
    monkeypatch.setattr(
        acoustic_scores, "interval", lambda metric, groups, *arrays: Interval(metric(*arrays), 0.0, 1.0)
    )  # see tests/metrics
    config = runs / "tiny.toml"
    config.write_text(TINY)
    return lambda out, progress=None: acoustic.train(config, corpora, runs / out, progress)


def test_a_run_ends_with_figures_and_a_model_that_the_channel_loads(run, runs):
    figures = run("a")
    assert json.loads((runs / "a/figures.json").read_text()).keys() == figures.keys()
    assert {"dev ravdess", "test ravdess", "test ravdess, no history", "test ravdess, telephone", "zero-shot nemo"} <= figures.keys()
    assert figures["test ravdess"]["clips"] == 8 and figures["test ravdess"]["labels"] == 7
    assert figures["zero-shot nemo"]["labels"] == 6
    channel = AcousticChannel(str(runs / "a/model"))
    assert channel.labels == LABELS and channel.model.licence == "CC-BY-NC-SA-4.0"
    assert "Acted speech" in (runs / "a/model/CARD.md").read_text(encoding="utf-8")


def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(run):
    def stop_in_the_second_epoch(stage, completed, total):
        if stage == "train acoustic" and completed > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("stopped", stop_in_the_second_epoch)
    assert run("stopped") == run("straight")


def test_a_stopped_run_does_not_go_on_with_other_settings(run, runs, corpora):
    run("changed")
    (runs / "other.toml").write_text(TINY.replace("batch = 8", "batch = 9"))
    with pytest.raises(ConfigError, match="begun"):
        acoustic.train(runs / "other.toml", corpora, runs / "changed")


def test_a_corpus_cannot_be_trained_on_and_be_unheard(runs, corpora):
    (runs / "both.toml").write_text('corpora = ["nemo"]\nzero_shot = ["nemo"]\n')
    with pytest.raises(ConfigError, match="unheard"):
        acoustic.train(runs / "both.toml", corpora, runs / "both")


def test_a_setting_that_does_not_exist_is_an_error(tmp_path, corpora):
    (tmp_path / "wrong.toml").write_text('corpora = ["ravdess"]\nepochz = 3\n')
    with pytest.raises(ConfigError, match="epochz"):
        acoustic.train(tmp_path / "wrong.toml", corpora, tmp_path / "out")


def test_the_shipped_configurations_are_valid():
    folder = Path(acoustic.__file__).parent / "configs"
    for name in ("acoustic", "acoustic_ravdess", "acoustic_nemo"):
        settings = acoustic.read_config(folder / f"{name}.toml", acoustic.AcousticConfig)
        assert not set(settings.corpora) & set(settings.zero_shot), "a model must not be scored as unseen on what it has seen"


def test_features_are_computed_once_and_again_when_the_clips_change(corpora, tmp_path):
    dialogues = nemo.load(corpora / "nemo")
    seen = []
    first = load_clips("nemo", dialogues, tmp_path / "c.npz", progress=lambda *step: seen.append(step))
    again = load_clips("nemo", dialogues, tmp_path / "c.npz", progress=lambda *step: pytest.fail("computed again"))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert len(seen) == len(first) == 12
    assert len(load_clips("nemo", dialogues[:1], tmp_path / "c.npz")) == 6


def test_a_broken_clip_is_named(corpora, tmp_path):
    broken = tmp_path / "Actor_01" / "03-01-05-01-01-01-01.wav"
    broken.parent.mkdir()
    broken.write_bytes(b"not a sound")
    with pytest.raises(DataError, match="03-01-05-01-01-01-01"):
        load_clips("ravdess", ravdess.load(tmp_path), tmp_path / "c.npz")


def test_speed_moves_the_pitch_and_telephone_cuts_the_top_off(clips):
    f0 = clips["ravdess"].functionals[:, :, NAMES.index("f0_mean_st")].mean(axis=1)
    by = dict(zip(CONDITIONS, f0 - f0[0]))
    assert by["fast"] == pytest.approx(12 * np.log2(1.09), abs=0.1)
    assert by["slow"] == pytest.approx(12 * np.log2(0.92), abs=0.1)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(telephone(noise, np.random.default_rng(1)))) ** 2
    assert spectrum[4000:].sum() < 0.01 * spectrum.sum()


def test_a_label_that_a_corpus_does_not_have_is_left_out_of_its_loss(clips):
    disgust = LABELS.index("disgust")
    allowed = allowed_labels([clips["ravdess"], clips["nemo"]])
    assert allowed[0].all()
    assert not allowed[1, disgust] and allowed[1].sum() == 6
    logits = torch.zeros(2, 7, requires_grad=True)
    acoustic._loss(logits, torch.tensor([0, 0]), torch.from_numpy(allowed), smoothing=0.1).backward()
    assert logits.grad[0, disgust] > 0
    assert logits.grad[1, disgust] == 0


def test_a_label_that_nobody_has_stays_in_and_is_learnt_to_be_rare(clips):
    assert allowed_labels([clips["nemo"]]).all()


def test_without_history_there_are_no_deviations_and_with_it_there_are(clips):
    corpus, rng = [clips["ravdess"]], np.random.default_rng(0)
    normal = measure(corpus, rng)
    for batch in batches(corpus, Augmentation(), normal, 16, 0, 3.0, rng):
        assert not batch.deviations.any() and not batch.heard.any()
    batch = next(batches(corpus, Augmentation(), normal, 32, 7, 3.0, rng))
    assert batch.deviations.any() and batch.heard.max() == pytest.approx(7 / 10)
    assert not batch.deviations[batch.heard[:, 0] == 0].any()


def test_gain_moves_what_sounds_and_not_what_is_cut_off():
    frames = np.full((40, 67), -30.0, dtype=np.float32)
    frames[:, 50:BANDS] = FLOOR_DB
    zeros, ones = np.zeros(67, dtype=np.float32), np.ones(67, dtype=np.float32)
    still = Augmentation(tempo=0, colour_db=0, mask_bands=0, mask_frames=0)
    louder = disturb(frames, 6.0, still, Normalisation(zeros, ones, zeros, ones, ones), np.random.default_rng(0))
    assert (louder[:, :50] == -24).all() and (louder[:, 50:BANDS] == FLOOR_DB).all() and (louder[:, ENERGY] == -24).all()


def test_a_session_begins_without_history_and_each_clip_sees_the_earlier_ones_only(clips):
    corpus = clips["ravdess"]
    deviations, heard = histories(corpus, 0, session=4, seed=0, shrinkage=3.0)
    np.testing.assert_allclose(np.sort(heard[:, 0]), np.sort([n / (n + 3) for n in (0, 1, 2, 3)] * 8), rtol=1e-6)
    assert not deviations[heard[:, 0] == 0].any()
    order = np.random.default_rng(0).permutation(np.flatnonzero(corpus.actors == corpus.actors[0]))
    second = order[1]
    np.testing.assert_allclose(
        deviations[second], (corpus.functionals[0, second] - corpus.functionals[0, order[0]]) / 4, rtol=1e-4, atol=1e-4
    )
