"""A language model, fine-tuned on the questions that an analysis asks."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from convemo.commands.train import merge, run
from convemo.data import jsonl
from convemo.errors import ConfigError, DataError, EngineFailed
from convemo.llm.causal_lm import LlmSpec, load
from convemo.llm.channel import LlmChannel
from convemo.llm.option_tokens import PromptTokens
from convemo.llm.prompt import Prompt
from convemo.llm.questions import ask
from convemo.llm.transformers import TransformersEngine
from convemo.scoring import open_channel
from convemo.training.llm_config import LlmConfig
from convemo.training.llm_examples import Examples
from convemo.training.llm_fit import Learner
from convemo.training.run import RunLog
from tests.llm.tiny_lm import tiny_lm, tokenizer

WORDS = {"joy": ["yes", "love"], "anger": ["no", "stop"], "neutral": ["it", "at"]}
PROMPT = """
id = "mine"
version = 1
language = "en"
about = "as short as can be"
history = 2
block = 1
instruction = "{labels}"
question = "{options}"
[labels]
neutral = "n"
joy = "j"
anger = "a"
"""
QUICK = """
id = "quick"
prompt = "PROMPT"
epochs = 1
batch_size = 12
learning_rate = 5e-3
precision = "float32"
pack_tokens = 512
permutations = 1
evaluations = 1
"""
LORA, WHOLE = "[lora]\nrank = 4\ndropout = 0.1\n", "[lora]\nrank = 0\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_lm(tmp_path_factory.mktemp("llm") / "base", template=None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Conversations whose labels their words give away."""
    rng, lines = np.random.default_rng(0), []
    for i, split in enumerate(["train"] * 10 + ["dev"] * 3 + ["test"] * 2):
        said = []
        for turn in range(5):
            label = str(rng.choice(list(WORDS), p=(0.3, 0.2, 0.5)))
            said.append({"id": f"u{turn}", "speaker": "ab"[turn % 2], "text": " ".join(rng.choice(WORDS[label], 2)), "label": label})
        said += [{"id": "unlabelled", "speaker": "a", "text": "oh"}, {"id": "wordless", "speaker": "a", "text": "...", "label": "joy"}]
        lines.append(json.dumps({"id": f"d{i}", "split": split, "utterances": said}))
    path = tmp_path_factory.mktemp("data") / "my.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def config(tmp_path):
    """``config(text, "name = value", …)``: a configuration's file."""

    def write(kind, *lines):
        (tmp_path / "prompt.toml").write_text(PROMPT)
        kept = [line for line in QUICK.splitlines() if line.split(" =")[0] not in {own.split(" =")[0] for own in lines}]
        (tmp_path / "mine.toml").write_text("\n".join([*kept, *lines, kind]).replace('"PROMPT"', f'"{tmp_path}/prompt.toml"'))
        return tmp_path / "mine.toml"

    return write


def learner(base, out, **settings):
    """A learner of every weight of a tiny model, and what it asks with."""
    settings = LlmConfig(
        id="t", precision="float32", batch_size=12, epochs=1, evaluations=2, permutations=1, learning_rate=5e-3, **settings
    )
    lm = load(LlmSpec(str(base)), device="cpu", offline=True, announce=print)
    return Learner(lm.model.requires_grad_(True), settings, out), PromptTokens(lm.tokenizer, lm.longest)


def prompt(tmp_path):
    (tmp_path / "prompt.toml").write_text(PROMPT)
    return Prompt.load(tmp_path / "prompt.toml")


def log_of(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


# The whole path -------------------------------------------------------------------------------------------------------------


def test_a_model_learns_to_answer_and_leaves_all_that_a_run_leaves(base, data, config, tmp_path, capsys):
    run("llm", config(WHOLE, "orders = 0", "epochs = 14"), data, tmp_path / "out", init=f"transformers:{base}")
    figures = json.loads((tmp_path / "out" / "model" / "figures.json").read_text())
    assert figures["test"]["weighted_f1"] > 0.8 > 0.6 > figures["test"]["majority"]["weighted_f1"]
    start = log_of(tmp_path / "out")[0]
    assert start["packed"] and start["train"] == {"neutral": 28, "joy": 13, "anger": 9} and start["dev"] == 15
    assert f"Written: {tmp_path / 'out'}" in capsys.readouterr().out
    assert "weighted F1" in (tmp_path / "out" / "model" / "CARD.md").read_text()
    ids = {(line["dialogue"], line["utterance"]) for line in map(json.loads, (tmp_path / "out" / "predictions.jsonl").open())}
    assert len(ids) == 5 * 6 and ("d12", "unlabelled") in ids  # of dev and test, whatever has words


def test_an_adapter_is_a_channel_by_any_name_and_merges_into_the_same_answers(base, data, config, tmp_path):
    out = tmp_path / "out"
    run("llm", config(LORA, "learning_rate = 5e-2"), data, out, init=f"transformers:{base}")
    merge(out)
    dialogue = jsonl.load(data, "test", labels=None)[0]
    asked = prompt(tmp_path)
    ways = [
        open_channel("llm", str(out)),  # with the prompt that it was taught with
        open_channel("llm", str(out / "merged")),
        LlmChannel(TransformersEngine(str(out)), asked),
        LlmChannel(TransformersEngine(str(base), adapter=str(out)), asked),
    ]
    told = [way.predict(dialogue).log_probs for way in ways]
    for other in told[1:]:
        np.testing.assert_allclose(other, told[0], atol=2e-4)
    bare = LlmChannel(TransformersEngine(str(base)), asked).predict(dialogue).log_probs
    assert np.abs(bare - told[0]).max() > 0.01
    assert not (out / "merged" / "adapter_config.json").exists()
    assert "+quick@" in ways[0].model.id and ways[1].model.id.startswith("transformers:quick@")  # as the config calls it


def test_a_model_taught_one_order_is_asked_in_that_order(base, data, config, tmp_path):
    run("llm", config(WHOLE, "orders = 0"), data, tmp_path / "out", init=f"transformers:{base}")
    assert open_channel("llm", str(tmp_path / "out")).orders == ((0, 1, 2),)
    assert len(open_channel("llm", f"{tmp_path / 'out'}?permutations=3").orders) == 3


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(base, data, tmp_path):
    asked = prompt(tmp_path)

    def weights(out, stop=None):
        def watch(stage, done, total):
            if done == stop:
                raise KeyboardInterrupt

        able, tokens = learner(base, out, orders=1)
        parts = {part: Examples(jsonl.load(data, part, labels=None), asked, tokens) for part in ("train", "dev")}
        able.fit(parts["train"], parts["dev"], RunLog(out, watch))
        return torch.cat([p.detach().flatten() for p in able.model.parameters()])

    whole = weights(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights(tmp_path / "stopped", stop=4)  # of five steps; the third was kept
    torch.testing.assert_close(weights(tmp_path / "stopped"), whole, atol=0, rtol=0)


def test_a_training_that_diverges_is_one_error_and_keeps_nothing(base, data, tmp_path):
    made, tokens = learner(base, tmp_path / "out")
    asked = Examples(jsonl.load(data, "dev", labels=None), prompt(tmp_path), tokens)
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(EngineFailed, match="NaN: the training diverged"):
        made.fit(asked, asked, RunLog(tmp_path / "out"))
    assert not (tmp_path / "out" / "best.pt").exists()


def test_gradient_checkpointing_changes_nothing_but_memory(base, data, config, tmp_path):
    losses = []
    for setting in ("false", "true"):
        out = tmp_path / setting
        run("llm", config(LORA, f"gradient_checkpointing = {setting}"), data, out, init=f"transformers:{base}")
        losses.append([line["loss"] for line in log_of(out) if line["event"] == "step"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


# What it learns on ----------------------------------------------------------------------------------------------------------


def test_it_reads_what_an_analysis_asks(data, tmp_path):
    asked, tokens = prompt(tmp_path), PromptTokens(tokenizer(None), 2048)
    dialogues = jsonl.load(data, "train", labels=None)
    examples = Examples(dialogues, asked, tokens)
    order = (2, 0, 1)
    for i, (number, index) in enumerate(examples.places[:12]):
        (example,) = examples.of([i], [[order]])[0]
        (question,) = next(a for a in ask(dialogues[number], asked, [order]) if a.index == index).questions
        assert list(example.prompt) == tokens.prompt_ids(question)
        assert question.labels[example.answer] == dialogues[number][index].label


def test_one_pass_shows_every_example_once_and_neighbours_together(data, tmp_path):
    examples = Examples(jsonl.load(data, "train", labels=None), prompt(tmp_path), PromptTokens(tokenizer(None), 2048))
    batches = examples.batches(12, 5, np.random.default_rng(0))
    assert sorted(i for batch in batches for i in batch) == list(range(len(examples))) == list(range(50))
    neighbours = sum(examples.places[a][0] == examples.places[b][0] for batch in batches for a, b in pairwise(batch))
    assert neighbours > 25


def test_a_prompt_that_does_not_fit_is_left_out_and_counted(data, tmp_path):
    examples = Examples(jsonl.load(data, "train", labels=None), prompt(tmp_path), PromptTokens(tokenizer(None), 40))
    assert examples.of([0], [[(0, 1, 2)]]) == [[]] and examples.too_long == 1


# What it refuses ------------------------------------------------------------------------------------------------------------


def test_labels_that_the_prompt_does_not_ask_about_are_named(base, config, tmp_path):
    path = tmp_path / "other.jsonl"
    lines = [{"id": p, "split": p, "utterances": [{"speaker": "a", "text": "so", "label": "bored"}]} for p in ("train", "dev")]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ConfigError, match="also bored"):
        run("llm", config(LORA), path, tmp_path / "out", init=f"transformers:{base}")


def test_other_settings_in_the_same_folder_are_refused(base, data, config, tmp_path):
    for lines, raises in ((), False), (("learning_rate = 1e-3",), True):
        file = config(WHOLE, *lines)
        if raises:
            with pytest.raises(ConfigError, match="others"):
                run("llm", file, data, tmp_path / "out", init=f"transformers:{base}")
        else:
            run("llm", file, data, tmp_path / "out", init=f"transformers:{base}")


def test_it_starts_from_a_model_that_is_named_and_whole(base, data, config, tmp_path):
    with pytest.raises(ConfigError, match="--init transformers:"):
        run("llm", config(LORA), data, tmp_path / "out")
    run("llm", config(LORA), data, tmp_path / "adapter", init=f"transformers:{base}")
    with pytest.raises(ConfigError, match="a whole checkpoint to start from"):
        run("llm", config(LORA), data, tmp_path / "out", init=f"transformers:{tmp_path / 'adapter'}")


def test_only_an_adapter_is_merged(base, data, config, tmp_path):
    run("llm", config(WHOLE), data, tmp_path / "out", init=f"transformers:{base}")
    with pytest.raises(ConfigError, match="needs no merging"):
        merge(tmp_path / "out")


def test_without_data_it_says_so(config, tmp_path):
    with pytest.raises(DataError):
        run("llm", config(LORA), tmp_path / "none.jsonl", tmp_path / "out")
