import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

from convemo.audio.torchaudio import mend_torchaudio  # noqa: E402
from convemo.errors import ConfigError, DataError  # noqa: E402
from convemo.text.channel import TextChannel  # noqa: E402
from convemo.training.run import RunLog, read_config  # noqa: E402
from convemo.training.text import train  # noqa: E402
from convemo.training.text_data import cut_batches, draw_mixture  # noqa: E402
from convemo.training.text_fit import TextConfig, class_weights, fit  # noqa: E402
from convemo.types import Dialogue, Speaker, Utterance  # noqa: E402
from convemo.weights import load_manifest  # noqa: E402

WORDS = {"joy": ("great", "lovely"), "anger": ("awful", "useless"), "neutral": ("monday", "table")}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A one-layer BERT with new weights and a tokenizer of a dozen words."""
    folder = tmp_path_factory.mktemp("encoder")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "it", "was", *(word for words in WORDS.values() for word in words), ".", "!"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    mend_torchaudio()
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Calls in which two words tell each emotion."""
    root = tmp_path_factory.mktemp("data")
    (root / "calls").mkdir()
    for split, copies in (("train", 8), ("dev", 2), ("test", 2)):
        utterances = [
            {"speaker": "a", "text": f"It was {word}{end}", "label": label}
            for label, words in WORDS.items()
            for word in words
            for end in ".!"
            for _ in range(copies)
        ]
        (root / "calls" / f"{split}.jsonl").write_text(json.dumps({"id": split, "utterances": utterances}))
    return root


@pytest.fixture
def config(tmp_path, encoder):
    return write_config(tmp_path / "toy.toml", encoder)


def write_config(path: Path, encoder: Path, passes: float = 2.0, **changes) -> Path:
    settings = {
        "id": "toy", "encoder": str(encoder), "batch_size": 8, "learning_rate": 0.01, "evaluate_every": 8, "checkpoint_every": 4, **changes
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path.write_text("\n".join([*lines, "[corpora.calls]", 'format = "jsonl"', f"passes = {passes}", ""]))
    return path


def test_a_training_makes_a_folder_that_the_channel_reads(encoder, data, tmp_path):
    seen = []
    config = write_config(tmp_path / "toy.toml", encoder, passes=8.0, learning_rate=0.003)
    figures = train(config, data, tmp_path / "run", progress=lambda *step: seen.append(step))
    assert figures["test"]["calls"]["raw"]["accuracy"] == 1.0
    assert figures["parity"]["same_label"] >= 0.98
    assert seen[0] == ("train", 1, 96)

    model = load_manifest(tmp_path / "run" / "model")
    assert (model.id, model.channel, model.manifest["trained_on"]) == ("toy", "text", ["calls"])
    assert "convemo train text toy.toml" in (model.folder / "CARD.md").read_text()
    channel = TextChannel(str(model.folder))
    said = Dialogue("d", (Utterance("1", "a", "it was awful"), Utterance("2", "a", "It was lovely!")), (Speaker("a"),))
    assert channel.predict(said).dimensions == {}  # nobody has taught it any
    assert [channel.labels[i] for i in channel.predict(said).log_probs.argmax(1)] == ["anger", "joy"]


def test_an_interrupted_run_continues_as_if_nothing_had_happened(config, data, tmp_path):
    settings = read_config(config, TextConfig)
    fit(settings, data, tmp_path / "whole", RunLog(tmp_path / "whole"))

    class Killed(Exception):
        pass

    def kill(stage, done, total):
        if done == 15:
            raise Killed

    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        fit(settings, data, broken, RunLog(broken, kill))
    fit(settings, data, broken, RunLog(broken))
    events = [json.loads(line) for line in (broken / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in events if e["event"] == "start"] == [0, 12]
    whole, again = (torch.load(run / "checkpoint.pt", weights_only=True)["model"] for run in (tmp_path / "whole", broken))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    with pytest.raises(ConfigError, match="Name another output folder"):
        fit(settings.model_copy(update={"batch_size": 4}), data, broken, RunLog(broken))


def test_embeddings_and_frozen_layers_stay_as_they_were(encoder, data, tmp_path):
    settings = read_config(write_config(tmp_path / "frozen.toml", encoder, frozen_layers=1), TextConfig)
    fit(settings, data, tmp_path / "run", RunLog(tmp_path / "run"))
    trained = torch.load(tmp_path / "run" / "best.pt", weights_only=True)["model"]
    before = transformers.BertModel.from_pretrained(encoder).state_dict()
    kept = [name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))]
    assert kept
    assert all(torch.equal(trained[f"encoder.{name}"], before[name]) for name in kept)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({"learning_rate": -1}, "learning_rate"), ({"learning_rat": 0.1}, "learning_rat"), ({"raw_share": 2}, "raw_share")],
)
def test_a_wrong_setting_is_named(encoder, tmp_path, changes, wrong):
    with pytest.raises(ConfigError, match=f"{wrong} in "):
        read_config(write_config(tmp_path / "x.toml", encoder, **changes), TextConfig)


def test_the_shipped_configuration_is_valid():
    import convemo.training

    shipped = Path(convemo.training.__file__).parent / "configs" / "text.toml"
    assert set(read_config(shipped, TextConfig).corpora) == {"emorynlp", "xed", "goemotions", "emobank"}  # nothing that may not be shipped


def test_a_missing_part_is_an_error(config, tmp_path):
    (tmp_path / "data" / "calls").mkdir(parents=True)
    line = {"id": "1", "utterances": [{"speaker": "a", "text": "Hello", "label": "joy"}]}
    (tmp_path / "data" / "calls" / "train.jsonl").write_text(json.dumps(line))
    with pytest.raises(DataError, match="dev part"):
        train(config, tmp_path / "data", tmp_path / "run")


def test_a_corpus_is_gone_through_as_often_as_asked():
    drawn = draw_mixture([4, 10], [2.5, 0.3], np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=14)
    assert counts[:4].sum() == 10 and set(counts[:4]) == {2, 3}
    assert counts[4:].sum() == 3 and counts[4:].max() == 1


def test_batches_hold_every_example_once_and_like_lengths_together():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 60, 1000)
    batches = cut_batches(rng.permutation(1000), lengths, 16, rng)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.1 * lengths.sum()


def test_rare_classes_weigh_more_and_an_average_example_weighs_one():
    targets = np.repeat(np.eye(3), [80, 15, 5], axis=0)
    weights = class_weights(targets, 0.25).numpy()
    assert weights[0] < weights[1] < weights[2]
    assert targets.mean(0) @ weights == pytest.approx(1.0)
    assert class_weights(targets, 0.0).numpy() == pytest.approx(1.0)
