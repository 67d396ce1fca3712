"""The acoustic training, on made-up actors: it must run, stop, go on and keep its promises; how good it gets is the model card's matter."""

import json
import wave
from dataclasses import asdict
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.channel import AcousticChannel  # noqa: E402
from convemo.data import jsonl, nemo  # noqa: E402
from convemo.errors import ConfigError, DataError  # noqa: E402
from convemo.metrics import Interval  # noqa: E402
from convemo.training import acoustic, acoustic_export, acoustic_scores  # noqa: E402
from convemo.training.acoustic_clips import Clips, load_clips  # noqa: E402
from convemo.training.acoustic_config import AcousticConfig  # noqa: E402
from convemo.training.acoustic_scores import Scores, histories  # noqa: E402
from convemo.training.run import read_config  # noqa: E402
from convemo.types import LABELS, Dialogue, LabelSet, Speaker, Utterance  # noqa: E402

RATE_HZ = 16_000
NETWORK = "network = { width = 8, described = 8 }\n"
BANDS = 'network = { encoder = "bands", channels = [4, 4, 4, 4], width = 8, layers = 1, heads = 2, hidden = 8, described = 8 }\n'
TINY = f"""
corpora = ["ravdess"]
zero_shot = ["nemo"]
epochs = 2
batch = 8
conditions = ["clean", "slow"]
scored_conditions = ["telephone"]
bfloat16 = false
export = true
{NETWORK}"""
OWN = f"""
epochs = 1
batch = 8
conditions = ["clean"]
bfloat16 = false
export = true
{NETWORK}"""


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
def own(tmp_path_factory) -> Path:
    """Six calls of two people, three utterances each of two labels of their own, one unlabelled: ``calls.jsonl``."""
    root = tmp_path_factory.mktemp("own")
    with open(root / "calls.jsonl", "w", encoding="utf-8") as file:
        for call, split in enumerate(("train", "train", "train", "dev", "test", "test")):
            utterances = []
            for turn, (label, f0_hz) in enumerate((("bored", 110.0), ("delighted", 240.0), (None, 150.0), ("delighted", 230.0))):
                write_voice(root / f"{call}-{turn}.wav", f0_hz + call, 0.1)
                said = {"id": f"u{turn}", "speaker": ("agent", "customer")[turn % 2], "audio": f"{call}-{turn}.wav"}
                utterances.append(said | ({"label": label} if label else {}))
            file.write(json.dumps({"id": f"call-{call}", "split": split, "utterances": utterances}) + "\n")
    return root / "calls.jsonl"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def run(corpora, runs, monkeypatch):
    """``run(out)`` trains the tiny model; an untrained one may lose labels to int8, so parity is not asked of it."""
    monkeypatch.setattr(acoustic_export, "SAME_LABEL", 0.0)
    monkeypatch.setattr(
        acoustic_scores, "interval", lambda metric, groups, *arrays: Interval(metric(*arrays), 0.0, 1.0)
    )  # see tests/metrics

    def start(out, progress=None, settings=TINY, data=corpora, **given):
        config = runs / f"{out}.toml"
        config.write_text(settings)
        return acoustic.train(config, data, runs / out, progress, **given)

    return start


def test_a_run_ends_with_figures_predictions_and_a_model_that_the_channel_loads(run, runs):
    figures = run("a")
    assert json.loads((runs / "a/figures.json").read_text()).keys() == figures.keys()
    assert {"dev ravdess", "test ravdess", "test ravdess, no history", "test ravdess, telephone", "zero-shot nemo"} <= figures.keys()
    assert figures["test ravdess"]["clips"] == 8 and figures["test ravdess"]["labels"] == 7
    assert figures["zero-shot nemo"]["labels"] == 6
    channel = AcousticChannel(str(runs / "a/model"))
    assert channel.labels == LABELS and channel.model.licence == "CC-BY-NC-SA-4.0"
    card = (runs / "a/model/CARD.md").read_text(encoding="utf-8")
    assert "Acted speech" in card and "2 actors train, 1 dev, 1 test; calm is neutral" in card
    assert json.loads((runs / "a/model/figures.json").read_text()) == json.loads((runs / "a/figures.json").read_text())
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in (runs / "a/model").iterdir()), "readable to all, as a package must be"
    lines = [json.loads(line) for line in (runs / "a/predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 8 + 8, "dev and test"
    assert {line["dialogue"] for line in lines} == {"ravdess-01", "ravdess-02"}
    counts = {name: len((runs / f"a/predictions_{name}.jsonl").read_text().splitlines()) for name in ("alone", "nemo")}
    assert counts == {"alone": 8, "nemo": 12}, "test without history, and the corpus that it never heard"
    assert all(sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4) for line in lines)


def test_the_two_dimensional_network_is_trained_and_exported_too(run, runs):
    run("bands", settings=TINY.replace(NETWORK, BANDS))
    assert json.loads((runs / "bands/model/model.json").read_text())["network"]["encoder"] == "bands"
    assert AcousticChannel(str(runs / "bands/model")).labels == LABELS


def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(run):
    def stop_in_the_second_epoch(stage, completed, total):
        if stage == "train acoustic" and completed > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("stopped", stop_in_the_second_epoch)
    assert run("stopped") == run("straight")


def test_a_stopped_run_does_not_go_on_with_other_settings(run):
    run("changed")
    with pytest.raises(ConfigError, match="begun"):
        run("changed", settings=TINY.replace("batch = 8", "batch = 9"))
    with pytest.raises(ConfigError, match="begun"):
        run("changed", seed=2)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ('corpora = ["nemo"]\nzero_shot = ["nemo"]\n', "unheard"),
        ('corpora = ["emobox"]\nzero_shot = ["ravdess"]\n', "unheard"),
        ('corpora = ["ravdess"]\nepochz = 3\n', "epochz"),
        ('corpora = ["ravdess"]\nconditions = ["slow"]\n', "clean"),
        ('corpora = ["ravdess"]\ntrain_parts = ["dev"]\n', "train"),
        ("epochs = 3\n", "corpora"),
        ('corpora = ["nemo"]\nnetwork = { encoder = "cepstra", conditioning = "film" }\n', "cepstra"),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(tmp_path, corpora, settings, wrong):
    (tmp_path / "wrong.toml").write_text(settings)
    with pytest.raises(ConfigError, match=wrong):
        acoustic.train(tmp_path / "wrong.toml", corpora, tmp_path / "out")


def test_what_a_configuration_leaves_open_is_the_networks_own_default():
    from convemo.acoustic.model import ModelConfig

    assert AcousticConfig().network.model_dump() == {k: v for k, v in asdict(ModelConfig()).items() if k != "labels"} | {"shrinkage": 1.0}


EMOBOX = ("ravdess", "alone", "bands", "concat", "none", "film", "cross")


def test_the_shipped_configurations_are_valid():
    folder = Path(acoustic.__file__).parent / "configs"
    for name in ("acoustic", "acoustic_ravdess", "acoustic_nemo", "acoustic_own", *(f"emobox_{n}" for n in EMOBOX)):
        settings = read_config(folder / f"{name}.toml", AcousticConfig)
        assert bool(settings.corpora) == (name != "acoustic_own")


# ---- data of one's own


def test_a_file_of_ones_own_trains_whatever_its_labels(run, runs, own):
    figures = run("own", settings=OWN, data=own)
    assert {"dev calls", "dev calls, no history", "test calls", "test calls, no history"} == figures.keys()
    assert figures["test calls"]["labels"] == 2 and figures["test calls"]["clips"] == 6, "the unlabelled are history, not scored"
    channel = AcousticChannel(str(runs / "own/model"))
    assert channel.labels == ("bored", "delighted")
    assert channel.model.licence == "LicenseRef-own-data"
    lines = [json.loads(line) for line in (runs / "own/predictions.jsonl").read_text().splitlines()]
    assert [(line["dialogue"], line["utterance"]) for line in lines[:4]] == [("call-3", f"u{i}") for i in range(4)]
    assert set(lines[0]["probabilities"]) == {"bored", "delighted"}


def test_the_features_of_ones_own_data_stay_in_the_runs_folder(run, runs, own):
    run("own", settings=OWN, data=own)
    assert (runs / "own/cache/calls.clean.npz").is_file()


def test_a_training_can_start_from_a_trained_model_with_other_labels(run, runs, own):
    run("a")
    still = OWN.replace("epochs = 1", "epochs = 1\nlearning_rate = 1e-12").replace(NETWORK, "network = { dropout = 0.3 }\n")
    given = run("continued", settings=still, data=own, init=str(runs / "a/model"))
    fresh = run("fresh", settings=OWN.replace("epochs = 1", "epochs = 1\nlearning_rate = 1e-12"), data=own, seed=7)
    before, after, other = (
        torch.load(runs / out / "best.pt", weights_only=True)["encoder.blocks.0.0.weight"] for out in ("a", "continued", "fresh")
    )
    torch.testing.assert_close(before, after, atol=2e-3, rtol=2e-3)  # kept in 16 bits
    assert (other - after).abs().max() > 0.05
    assert given.keys() == fresh.keys()
    network = json.loads((runs / "continued/model/model.json").read_text())["network"]
    assert (network["width"], network["dropout"]) == (8, 0.3), "the shape of what it starts from, and what the configuration asks for"


def test_a_start_of_another_shape_is_an_error(run, runs, own):
    run("a")
    with pytest.raises(ConfigError, match="shape"):
        run("wider", settings=OWN.replace("width = 8", "width = 16"), data=own, init=str(runs / "a/model"))
    copytree(runs / "a/model", runs / "later")
    manifest = json.loads((runs / "later/model.json").read_text())
    (runs / "later/model.json").write_text(json.dumps(manifest | {"network": {"encoder": "wavelets"}}))
    with pytest.raises(ConfigError, match="wavelets"):
        run("later-run", settings=OWN.replace(NETWORK, ""), data=own, init=str(runs / "later"))


def test_a_file_without_a_dev_part_says_what_is_missing(run, own, tmp_path):
    for dialogue in (dialogues := jsonl.load(own, "train", labels=None)):
        assert dialogue.utterances
    jsonl.write(tmp_path / "train_only.jsonl", dialogues, "train")
    with pytest.raises(DataError, match='"dev"'):
        run("no-dev", settings=OWN, data=tmp_path / "train_only.jsonl")


def test_a_configuration_with_corpora_does_not_take_a_file(run, own):
    with pytest.raises(ConfigError, match="without corpora"):
        run("both", data=own)


# ---- clips and their features


def clips_of(dialogues, cache, conditions=("clean",), **given):
    return load_clips("nemo", {"train": dialogues}, LABELS, conditions, cache, **given)


def test_features_are_computed_once_and_again_when_the_clips_change(corpora, tmp_path):
    dialogues = nemo.load(corpora / "nemo")
    seen = []
    first = clips_of(dialogues, tmp_path, progress=lambda *step: seen.append(step))
    again = clips_of(dialogues, tmp_path, progress=lambda *step: pytest.fail("computed again"))
    np.testing.assert_array_equal(first.frames[0], again.frames[0])
    assert len(seen) == len(first) == 12
    assert len(clips_of(dialogues[:1], tmp_path)) == 6


def test_other_parts_of_the_same_clips_find_the_same_features(corpora, tmp_path):
    one, other = nemo.load(corpora / "nemo")
    first = clips_of((one, other), tmp_path)
    again = load_clips(
        "nemo", {"dev": (other,), "train": (one,)}, LABELS, ("clean",), tmp_path, progress=lambda *step: pytest.fail("computed again")
    )
    place = {id: i for i, id in enumerate(first.ids)}
    for i, id in enumerate(again.ids):
        np.testing.assert_array_equal(again.clip_frames(0, i), first.clip_frames(0, place[id]))
        np.testing.assert_array_equal(again.descriptions[0, i], first.descriptions[0, place[id]])
    assert set(again.speakers[again.parts == "dev"]) == {f"{other.id}/{other.id}"}


def test_a_broken_clip_is_named(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"not a sound")
    talk = Dialogue("d", (Utterance("u", "ana", label="joy", audio=str(tmp_path / "broken.wav")),), (Speaker("ana"),))
    with pytest.raises(DataError, match="broken"):
        clips_of((talk,), tmp_path)


def test_without_any_sound_there_is_nothing_to_train_on(tmp_path):
    with pytest.raises(DataError, match="audio"):
        clips_of((Dialogue("d", (Utterance("u", "ana", label="joy"),), (Speaker("ana"),)),), tmp_path)


# ---- histories


def test_the_shipped_model_can_be_gone_on_from():
    from convemo.acoustic.model import AcousticModel, ModelConfig
    from convemo.training.acoustic_fit import warm_start
    from convemo.weights import ROOT

    model = AcousticModel(ModelConfig(**AcousticConfig().network.model_dump(), labels=2))
    before = model.head[3].weight[1].clone()
    warm_start(model, ["anger", "boredom"], ROOT / "acoustic")
    assert model.frame_mean.abs().sum() > 0 and torch.equal(model.head[3].weight[1], before), "a label it does not know begins anew"


def made_up(conversations: bool) -> Clips:
    """Eight clips of two speakers, numbered by their first number; two conditions would only repeat it."""
    n = 8
    descriptions = np.zeros((1, n, 86), dtype=np.float32)
    descriptions[0, :, 0] = np.arange(n)
    lengths = np.full((1, n), 10)
    return Clips(
        "made-up", LabelSet(("neutral", "joy")), ("clean",), conversations, np.arange(n).astype(str), np.array(["d"] * n),
        np.array(["d/ana", "d/ben"] * 4), np.array([0, 1, 1, 0, 0, 1, 1, -1]), np.array(["test"] * n), descriptions,
        (np.zeros((10 * n, 67), dtype=np.float16),), np.cumsum(lengths, axis=1) - 10, np.cumsum(lengths, axis=1),
    )  # fmt: skip


def test_in_a_conversation_history_is_what_the_same_speaker_said_before():
    deviations, heard = histories(made_up(True), 0, None, seed=0, shrinkage=1.0)
    np.testing.assert_allclose(heard[:, 0], [0, 0, 1 / 2, 1 / 2, 2 / 3, 2 / 3, 3 / 4, 3 / 4], rtol=1e-6)
    assert deviations[4, 0] == pytest.approx((4 - np.mean([0, 2])) * 2 / 3)


def test_of_an_actors_clips_a_session_begins_without_history():
    _, heard = histories(made_up(False), 0, session=2, seed=0, shrinkage=1.0)
    assert sorted(heard[:, 0]) == [0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5]
    assert not histories(made_up(False), 0, session=1, seed=0, shrinkage=1.0)[0].any()


def test_an_unlabelled_clip_is_predicted_and_not_counted():
    clips = made_up(True)
    said = Scores(clips, np.log(np.where(np.arange(8)[:, None] % 2 == [0, 1], 0.9, 0.1)))
    assert said.uar() == pytest.approx(np.mean([2 / 3, 2 / 4]), abs=0.1)
    assert len(list(said.said())) == 8
