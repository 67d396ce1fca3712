import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

from convemo.audio.torchaudio import mend_torchaudio  # noqa: E402
from convemo.errors import ConfigError, DataError, EngineUnavailable  # noqa: E402
from convemo.registry import build  # noqa: E402
from convemo.text.channel import TextChannel  # noqa: E402
from convemo.text.reading import TokenReader  # noqa: E402
from convemo.training import text_fit  # noqa: E402
from convemo.training.run import RunLog, read_config  # noqa: E402
from convemo.training.text import train  # noqa: E402
from convemo.training.text_config import Corpus, TextConfig  # noqa: E402
from convemo.training.text_data import read_turns, to_arrays  # noqa: E402
from convemo.training.text_fit import class_weights, fit, forward_all, label_loss  # noqa: E402
from convemo.training.text_init import starting_point, widened  # noqa: E402
from convemo.types import Dialogue, Speaker, Utterance  # noqa: E402
from convemo.weights import load_manifest  # noqa: E402

CONFIGS = Path(__import__("convemo.training").training.__file__).parent / "configs"
WORDS = {"joy": ("great", "lovely"), "anger": ("awful", "useless"), "boredom": ("yawn", "dull")}
SHIPPABLE = {"emorynlp", "xed", "goemotions", "emobank", "support"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A one-layer BERT with new weights and a tokenizer of a dozen words."""
    folder = tmp_path_factory.mktemp("encoder")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = [word for pair in WORDS.values() for word in pair]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "was", "so", "i", "you", "a", "b", ":", *words, ".", "!"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    mend_torchaudio()
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=36, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def line(id, split, *said):
    return json.dumps({"id": id, "split": split, "utterances": [{"speaker": s, "text": t, "label": e} for s, t, e in said]})


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Conversations in which two words tell each emotion; one of the emotions is none of ours."""
    path = tmp_path_factory.mktemp("data") / "own.jsonl"
    said = [(f"It was {word}{end}", label) for label, words in WORDS.items() for word in words for end in ".!"]
    order = np.random.default_rng(0)
    lines = []
    for split, dialogues in (("train", 16), ("dev", 4), ("test", 4)):
        for d in range(dialogues):
            chosen = [said[i] for i in order.permutation(len(said))[:6]]
            lines.append(line(f"{split}{d}", split, *(("ab"[i % 2], text, label) for i, (text, label) in enumerate(chosen))))
    path.write_text("\n".join(lines))
    return path


SETTINGS = {"id": "toy", "batch_size": 8, "learning_rate": 0.003, "evaluate_every": 24, "checkpoint_every": 4, "passes": 8}


def write_config(path: Path, encoder: Path, **changes) -> Path:
    settings = SETTINGS | {"encoder": str(encoder)} | changes
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return path


@pytest.fixture(scope="module")
def trained(encoder, own, tmp_path_factory):
    """``trained(context)``: the folder of a finished run, and what it said of its progress."""
    done = {}

    def run(context):
        if context not in done:
            folder, seen = tmp_path_factory.mktemp(context), []
            config = write_config(folder / "toy.toml", encoder, context=context, turns=4, ema=0.8)
            train(config, own, folder / "run", progress=lambda *step: seen.append(step))
            done[context] = folder / "run", seen
        return done[context]

    return run


CONTEXTS = ("none", "cross-encoder", "dialogue")


@pytest.mark.parametrize("context", CONTEXTS)
def test_one_file_of_ones_own_becomes_a_folder_that_the_channel_reads(trained, context):
    run, seen = trained(context)
    assert seen[0][:2] == ("train", 1)
    model = load_manifest(run / "model")
    assert (model.id, model.channel, tuple(model.labels)) == ("toy", "text", ("joy", "anger", "boredom"))
    assert "convemo train text toy.toml --data own.jsonl" in (model.folder / "CARD.md").read_text()
    channel = build("text", f"default:{model.folder}")
    said = Dialogue("d", (Utterance("1", "a", "it was awful"), Utterance("2", "b", "It was dull!")), (Speaker("a"), Speaker("b")))
    result = channel.predict(said)
    assert [channel.labels[i] for i in result.log_probs.argmax(1)] == ["anger", "boredom"]
    assert result.dimensions == {}  # nobody has taught it any


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_dev_and_test_utterance_is_predicted_as_written_and_raw(trained, context):
    run, _ = trained(context)
    for name in ("predictions.jsonl", "predictions_raw.jsonl"):
        lines = [json.loads(text) for text in (run / name).read_text().splitlines()]
        assert len(lines) == 8 * 6
        assert {entry["dialogue"][:-1] for entry in lines} == {"dev", "test"}
        for entry in lines:
            assert list(entry["probabilities"]) == ["joy", "anger", "boredom"]
            assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def talk(*texts):
    utterances = tuple(Utterance(str(i), "ab"[i % 2], text) for i, text in enumerate(texts))
    return Dialogue("d", utterances, (Speaker("a"), Speaker("b")))


@pytest.mark.parametrize("context", CONTEXTS)
def test_scoring_goes_on_where_it_stopped_and_the_future_is_not_seen(trained, context):
    channel = TextChannel(str(trained(context)[0] / "model"))
    texts = [f"it was {word}" for words in WORDS.values() for word in words] * 2
    whole = channel.predict(talk(*texts))
    for since in range(len(texts)):
        part = TextChannel(str(trained(context)[0] / "model")).predict(talk(*texts), since=since) if since == 7 else None
        part = part or channel.predict(talk(*texts), since=since)
        np.testing.assert_allclose(part.log_probs, whole.log_probs[since:], atol=2e-5)
        np.testing.assert_allclose(channel.predict(talk(*texts[: since + 1])).log_probs, whole.log_probs[: since + 1], atol=2e-5)


@pytest.mark.parametrize("context", CONTEXTS)
def test_only_the_last_turns_count_and_only_where_the_model_reads_them(trained, context):
    channel = TextChannel(str(trained(context)[0] / "model"))
    end = ["it was great", "it was dull", "so it was", "it was", "it was awful"]
    last = [
        channel.predict(talk(first, *rest)).log_probs[-1] for first, rest in (("great", end), ("awful", end), ("great", ["dull", *end[1:]]))
    ]
    np.testing.assert_allclose(last[0], last[1], atol=2e-5)  # five turns ago: out of reach
    assert np.allclose(last[0], last[2], atol=1e-4) == (context == "none")  # four turns ago


def test_in_a_long_dialogue_the_blocks_do_not_show(trained, monkeypatch):
    channel = TextChannel(str(trained("dialogue")[0] / "model"))
    texts = [f"it was {word}" for words in WORDS.values() for word in words] * 3
    whole = channel.predict(talk(*texts)).log_probs
    monkeypatch.setattr("convemo.text.channel.BLOCK", 5)
    np.testing.assert_allclose(channel.predict(talk(*texts)).log_probs, whole, atol=2e-5)


@pytest.mark.parametrize("context", CONTEXTS)
def test_training_goes_on_from_a_model_folder_without_its_float_weights(trained, context):
    run, _ = trained(context)
    settings = TextConfig(context=context, turns=4)
    exact, stored = starting_point(settings, str(run)), starting_point(settings, str(run / "model"))
    weights = {name: weight for name, weight in exact.state.items() if weight.numel()}
    assert weights.keys() <= stored.state.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(stored.state[name], weight, atol=float(weight.abs().max()) / 127, rtol=0)
    model = stored.model(settings, ("anger", "delight"), ())
    torch.testing.assert_close(model.label_head.weight[0], stored.state["label_head.weight"][1])  # anger, as it was known


def test_the_shipped_model_can_be_trained_on():
    channel = TextChannel()
    settings = TextConfig(context=channel.reading.context, turns=channel.reading.turns)
    start = starting_point(settings, "default")
    model = start.model(settings, start.labels, start.dimensions).eval()
    assert {name for name, weight in model.state_dict().items() if weight.numel()} <= set(start.state)
    text = "I'm so angry with you!"
    reader = TokenReader(start.tokenizer(), channel.reading)
    ids = torch.from_numpy(reader.alone(reader.tokens(text), reader.name_tokens(""))[0])[None]
    with torch.no_grad():
        vector = model.encode(ids, torch.ones_like(ids))
        found, _ = model.scores(model.converse(vector[None], torch.zeros(1, 1, dtype=torch.int64))[0])
    np.testing.assert_allclose(found[0], channel.score([text])[0][0], atol=0.2)


def test_a_folder_that_is_no_text_model_is_no_start(tmp_path):
    with pytest.raises(EngineUnavailable, match=r"model\.json"):
        starting_point(TextConfig(), str(tmp_path))


def test_weights_are_found_by_the_bias_behind_their_product(trained):
    state = widened([trained("none")[0] / "model" / "model.int8.onnx"])
    assert state["encoder.encoder.layer.0.intermediate.dense.weight"].shape == (64, 36)


@pytest.mark.parametrize("context", ["none", "dialogue"])
def test_an_interrupted_run_continues_as_if_nothing_had_happened(encoder, own, tmp_path, context):
    changes = {"passes": 2, "context": context, "turns": 4, "ema": 0.9, "word_dropout": 0.1, "corpora": {}}
    config = write_config(tmp_path / "toy.toml", encoder, **{k: v for k, v in changes.items() if k != "corpora"})
    from convemo.training.text_config import Corpus

    settings = read_config(config, TextConfig).model_copy(update={"corpora": {"own": Corpus(format="jsonl")}})
    start = starting_point(settings, None)
    whole, _ = fit(settings, own, tmp_path / "whole", RunLog(tmp_path / "whole"), start)

    class Killed(Exception):
        pass

    def kill(stage, done, total):
        if done == 15:
            raise Killed

    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        fit(settings, own, broken, RunLog(broken, kill), start)
    again, _ = fit(settings, own, broken, RunLog(broken), start)
    events = [json.loads(text) for text in (broken / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in events if e["event"] == "start"] == [0, 12]
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in whole.state_dict().items())
    with pytest.raises(ConfigError, match="Name another output folder"):
        fit(settings.model_copy(update={"batch_size": 4}), own, broken, RunLog(broken), start)


@pytest.mark.parametrize("context", CONTEXTS)
def test_sizes_that_are_rounded_up_change_no_score(trained, own, context, monkeypatch):
    run, _ = trained(context)
    settings = TextConfig(context=context, turns=4, corpora={"own": Corpus(format="jsonl")})
    start = starting_point(settings, str(run))
    reader = TokenReader(start.tokenizer(), settings.reading)
    dev = to_arrays(read_turns(settings, own, "own", "dev"), reader, start.labels, own)
    model = start.model(settings, start.labels, ()).eval()
    scores = []
    for multiple in (1, 8):
        monkeypatch.setattr(text_fit, "ROWS", multiple)
        scores.append(forward_all(model, dev, reader, settings, raw=False)[0])
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_embeddings_and_frozen_layers_stay_as_they_were(encoder, own, tmp_path):
    config = write_config(tmp_path / "frozen.toml", encoder, frozen_layers=1, passes=1)
    train(config, own, tmp_path / "run")
    trained = starting_point(TextConfig(), str(tmp_path / "run")).state
    before = transformers.BertModel.from_pretrained(encoder).state_dict()
    kept = [name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))]
    assert kept
    assert all(torch.equal(trained[f"encoder.{name}"], before[name]) for name in kept)


def test_a_label_that_only_dev_has_is_an_error_not_silence(encoder, tmp_path):
    data = tmp_path / "own.jsonl"
    lines = [
        line("1", "train", ("a", "It was great", "joy"), ("a", "It was dull", "boredom")),
        line("2", "dev", ("a", "It was so", "pride")),
    ]
    data.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"labels among joy, boredom.*'pride'"):
        train(write_config(tmp_path / "x.toml", encoder), data, tmp_path / "run")


def test_a_missing_part_is_an_error(encoder, tmp_path):
    (tmp_path / "own.jsonl").write_text(line("1", "train", ("a", "It was great", "joy")))
    with pytest.raises(DataError, match="dev part"):
        train(write_config(tmp_path / "x.toml", encoder), tmp_path / "own.jsonl", tmp_path / "run")


def test_a_folder_of_data_needs_corpora(encoder, tmp_path):
    with pytest.raises(ConfigError, match=r"corpora in .*one \.jsonl file"):
        train(write_config(tmp_path / "x.toml", encoder), tmp_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"learning_rate": -1}, "learning_rate"),
        ({"learning_rat": 0.1}, "learning_rat"),
        ({"raw_share": 2}, "raw_share"),
        ({"context": "dialogue", "turns": 5}, "turns must be a multiple"),
        ({"turns": 33}, "turns"),
    ],
)
def test_a_wrong_setting_is_named(encoder, tmp_path, changes, wrong):
    with pytest.raises(ConfigError, match=wrong):
        read_config(write_config(tmp_path / "x.toml", encoder, **changes), TextConfig)


@pytest.mark.parametrize("name", ["text", "text_own", "text_single", "meld_text", "meld_cross", "emorynlp_text", "emorynlp_cross"])
def test_the_configurations_of_this_package_are_valid(name):
    corpora = set(read_config(CONFIGS / f"{name}.toml", TextConfig).corpora)
    allowed = SHIPPABLE | ({"meld"} if name.startswith("meld") else set())
    assert corpora <= allowed  # nothing that may not be shipped, MELD's own models aside


def test_rare_classes_weigh_more_and_an_average_example_weighs_one():
    targets = np.repeat(np.eye(3), [80, 15, 5], axis=0)
    weights = class_weights(targets, 0.25).numpy()
    assert weights[0] < weights[1] < weights[2]
    assert targets.mean(0) @ weights == pytest.approx(1.0)
    assert class_weights(targets, 0.0).numpy() == pytest.approx(1.0)


def test_the_loss_is_torchs_own_where_nothing_is_added():
    torch.manual_seed(0)
    logits, targets, weights = torch.randn(5, 4), torch.softmax(torch.randn(5, 4), -1), torch.tensor([1.0, 2.0, 0.5, 1.0])
    found = label_loss(logits, targets, weights)
    expected = torch.nn.functional.cross_entropy(logits, targets, weight=weights, reduction="none")
    torch.testing.assert_close(found, expected)
    hard = torch.eye(4)[[0, 3, 1, 1, 2]]
    smoothed = torch.nn.functional.cross_entropy(logits, hard, label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(label_loss(logits, hard, torch.ones(4), smoothing=0.2), smoothed)


def test_focal_loss_passes_over_what_is_already_right():
    logits, target = torch.tensor([[4.0, 0.0], [0.0, 4.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    right, wrong = (label_loss(logits, target, torch.ones(2), gamma=2.0) / label_loss(logits, target, torch.ones(2))).tolist()
    p = 1 / (1 + np.exp(-4))
    assert right == pytest.approx((1 - p) ** 2, rel=1e-3)
    assert wrong == pytest.approx(p**2, rel=1e-3)
