"""Features in place of sound: how a dialogue becomes arrays, and the channel that scores by them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from convemo.acoustic.numbers import LENGTH_S, NO_FEATURES, NONE_KNOWN, NumberReader
from convemo.types import Dialogue, Speaker, Utterance

ANA, BEN = Speaker("ana"), Speaker("ben")


def dialogue(*said):
    """Of ``(speaker, features)``, or ``(speaker, features, start, end)``."""
    utterances = (
        Utterance(f"u{i}", s, features=f, start=t[0] if t else None, end=t[1] if t else None) for i, (s, f, *t) in enumerate(said)
    )
    return Dialogue("d", tuple(utterances), (ANA, BEN))


def read(said, names=("f0",), **settings):
    return NumberReader(names, **{"timing": False, "shrinkage": 1.0, **settings}).read(said)


def test_a_missing_value_is_marked_and_never_guessed():
    numbers = read(dialogue(("ana", {"f0": 200.0}), ("ana", {"hnr": 3.0}), ("ana", {"f0": 220.0, "hnr": 5.0})), ("f0", "hnr"))
    assert numbers.missing.tolist() == [[0, 1], [1, 0], [0, 0]]
    assert numbers.values.tolist() == [[200, 0], [0, 3], [220, 5]]


def test_deviations_are_from_what_the_speaker_and_from_what_everybody_said_before():
    numbers = read(dialogue(("ana", {"f0": 200.0}), ("ben", {"f0": 100.0}), ("ana", {"f0": 260.0})))
    own, everybody = numbers.deviations.T
    np.testing.assert_allclose(own, [0, 0, 60 / 2])
    np.testing.assert_allclose(everybody, [0, -100 / 2, 110 * 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(numbers.heard, [[0, 0], [0, 1 / 2], [1 / 2, 2 / 3]], rtol=1e-6)


def test_an_utterance_without_a_value_does_not_move_the_mean_of_it():
    numbers = read(dialogue(("ana", {"f0": 200.0}), ("ana", {}), ("ana", None), ("ana", {"f0": 260.0})))
    np.testing.assert_allclose(numbers.deviations[:, 0], [0, 0, 0, 60 / 2])


def test_what_comes_later_changes_no_row():
    said = dialogue(*(("ana" if i % 2 else "ben", {"f0": 100.0 + i * i}, 2.0 * i, 2.0 * i + 1) for i in range(9)))
    whole, part = (read(d, timing=True) for d in (said, replace(said, utterances=said.utterances[:5])))
    for name in ("values", "missing", "deviations", "heard", "speakers"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:5])


def test_times_are_columns_where_there_are_any():
    numbers = read(dialogue(("ana", {"f0": 1.0}, 0.0, 2.0), ("ben", {"f0": 1.0}, 2.5, 2.5), ("ana", {"f0": 1.0})), timing=True)
    gap, length = numbers.values[:, 1], numbers.values[:, 2]
    np.testing.assert_allclose(gap, [0, 0.5, 0])
    np.testing.assert_allclose(length, [np.log(2), np.log(LENGTH_S[0]), 0], rtol=1e-6)
    assert numbers.missing[:, 1:].tolist() == [[1, 0], [0, 0], [1, 1]]


def test_a_skewed_feature_enters_as_its_logarithm_and_zero_is_no_infinity():
    numbers = read(dialogue(("ana", {"f0": np.e}), ("ana", {"f0": 0.0})), floors={"f0": 1.0})
    np.testing.assert_allclose(numbers.values[:, 0], [1, 0], atol=1e-6)


def test_what_cannot_be_scored_says_why():
    assert read(dialogue(("ana", None), ("ana", {"hnr": 2.0}), ("ana", {"f0": 2.0}))).reasons == (NO_FEATURES, NONE_KNOWN, None)


torch = pytest.importorskip("torch")

from convemo.acoustic.default import DefaultAcoustic  # noqa: E402
from convemo.acoustic.numbers_channel import FILE, NumbersChannel  # noqa: E402
from convemo.acoustic.numbers_model import NumbersConfig, NumbersEnsemble, NumbersModel  # noqa: E402
from convemo.registry import build  # noqa: E402

LABELS = ("calm", "upset")
READER = NumberReader(("f0", "level"))
TINY = NumbersConfig(columns=4, labels=2, width=12, layers=2, heads=(1, 1, 1), reach=3, bins=4, dropout=0.0)


def model(seed=0):
    torch.manual_seed(seed)
    found = NumbersModel(TINY).eval()
    for parameter in found.dialogue.blocks.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("onnx")
    from convemo.training.card import write_manifest
    from convemo.training.export_onnx import export_onnx

    folder = tmp_path_factory.mktemp("model")
    example = {name: torch.from_numpy(value) for name, value in READER.read(talk(5)).inputs().items()}
    axes = {name: {1: "utterances"} for name in (*example, "log_probs")}
    export_onnx(NumbersEnsemble([model(0), model(1)], torch.ones(2), torch.zeros(2)), example, ["log_probs"], folder / FILE, axes)
    settings = {"input": "features", "features": ["f0", "level"], "floors": {}, "timing": True, "shrinkage": 3.0, "context": 6}
    write_manifest(folder, id="m", channel="acoustic", licence="MIT", files=[FILE], made_by="-", labels=list(LABELS), **settings)
    return folder


@pytest.fixture(scope="module")
def channel(folder):
    return NumbersChannel(str(folder))


def talk(count):
    rng = np.random.default_rng(count)
    said = []
    for i in range(count):
        features = {"f0": rng.normal(0, 1), "level": rng.normal(0, 1)} if i % 4 != 3 else {"f0": rng.normal(0, 1)}
        said.append((("ana", "ben", "ana")[i % 3], features, 2.0 * i, 2.0 * i + 1 + rng.random()))
    return dialogue(*said)


def test_it_scores_dialogues_that_have_no_sound_over_the_labels_it_was_trained_on(channel):
    result = channel.predict(talk(9))
    assert result.labels == LABELS and result.channel == "acoustic" and result.valid.all()
    np.testing.assert_allclose(np.exp(result.log_probs).sum(axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("since", [0, 1, 7, 19, 20])
def test_scoring_from_the_middle_gives_the_rows_that_scoring_from_the_start_gives(channel, since):
    whole, rest = channel.predict(talk(20)), channel.predict(talk(20), since=since)
    assert len(rest) == 20 - since
    np.testing.assert_allclose(rest.log_probs, whole.log_probs[since:], atol=2e-5)


def test_what_is_said_later_changes_no_score(channel):
    said = talk(12)
    for length in (1, 5, 11):
        prefix = channel.predict(replace(said, utterances=said.utterances[:length]))
        np.testing.assert_allclose(prefix.log_probs, channel.predict(said).log_probs[:length], atol=2e-5)


def test_a_long_conversation_is_scored_in_parts_that_make_no_difference(channel, monkeypatch):
    whole = channel.predict(talk(40)).log_probs
    monkeypatch.setattr("convemo.acoustic.numbers_channel.AT_ONCE", 7)
    np.testing.assert_allclose(channel.predict(talk(40)).log_probs, whole, atol=2e-5)


def test_an_utterance_without_features_is_not_scored_but_was_spoken(channel):
    said = talk(8)
    without = replace(said, utterances=tuple(replace(u, features=None) if i == 2 else u for i, u in enumerate(said)))
    result = channel.predict(without)
    assert result.reasons == (None, None, NO_FEATURES, *[None] * 5)
    assert np.abs(result.log_probs[3] - channel.predict(said).log_probs[3]).max() > 1e-4


def test_an_empty_dialogue_gives_an_empty_result(channel):
    assert channel.predict(dialogue()).log_probs.shape == (0, 2)


def test_the_folder_says_which_channel_reads_it(folder):
    assert isinstance(build("acoustic", f"default:{folder}"), NumbersChannel)
    assert not isinstance(build("acoustic", "default"), NumbersChannel)
    assert DefaultAcoustic.availability(str(folder)).usable


def test_an_analysis_of_a_dialogue_without_sound_or_words_has_its_scores(folder):
    from convemo import Analyzer

    analysis = Analyzer(acoustic=f"default:{folder}", channels="acoustic").analyze(talk(5))
    assert [set(u.channels["acoustic"]) for u in analysis] == [set(LABELS)] * 5


def test_whatever_stands_where_a_value_is_missing_does_not_count():
    given = {name: torch.from_numpy(value) for name, value in READER.read(talk(8)).inputs().items()}
    other = {**given, "values": torch.where(given["missing"] > 0, 1e6, given["values"])}
    with torch.no_grad():
        torch.testing.assert_close(model()(**given), model()(**other))


def test_padding_changes_no_row():
    short, long = ({name: torch.from_numpy(value) for name, value in READER.read(talk(n)).inputs().items()} for n in (3, 6))
    rows = {}
    for name, value in long.items():
        filled = torch.full_like(value, 7)
        filled[:, :3] = short[name]
        rows[name] = torch.cat([value, filled])
    padding = torch.tensor([[False] * 6, [False] * 3 + [True] * 3])
    with torch.no_grad():
        torch.testing.assert_close(model()(**rows, padding=padding)[1:, :3], model()(**short), atol=1e-5, rtol=1e-5)


def test_constant_and_absent_columns_give_numbers():
    found = model()
    values, missing = torch.zeros(6, 4), torch.zeros(6, 4)
    values[:, 0], missing[:, 1] = 5.0, 1.0
    values[:, 2:] = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    found.measure(values, missing, torch.zeros(6, 8))
    with torch.no_grad():
        scores = found(values[None], missing[None], torch.zeros(1, 6, 8), torch.zeros(1, 6, 2), torch.zeros(1, 6, dtype=torch.int64))
    assert scores.isfinite().all()


def test_the_ensemble_gives_the_mean_probability_after_the_rule():
    given = {name: torch.from_numpy(value) for name, value in READER.read(talk(4)).inputs().items()}
    scale, shift = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.1])
    with torch.no_grad():
        mean = (model(0)(**given).softmax(-1) + model(1)(**given).softmax(-1)) / 2
        expected = mean * scale + shift
        found = NumbersEnsemble([model(0), model(1)], scale, shift)(**given).exp()
    torch.testing.assert_close(found, expected / expected.sum(-1, keepdim=True))


def test_a_damaged_folder_is_refused(folder, tmp_path):
    from convemo.errors import EngineUnavailable

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((tmp_path / "model.json").read_text())
    manifest["files"][FILE] = "0" * 64
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineUnavailable, match="sha256"):
        build("acoustic", f"default:{tmp_path}")
