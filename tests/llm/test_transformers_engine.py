"""A causal language model in process: its answers are the model's own, whatever is shared, and in whatever company they are asked."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest

from convemo import registry
from convemo.llm.forward import Ask, Forward
from convemo.llm.prefix_tree import unique_tokens
from convemo.llm.transformers import TransformersEngine
from tests.llm.tiny_lm import ARCHITECTURES, LETTERS, RARER, question, stories_folder, tiny_lm, tiny_network

CALL = [question(i, since=4 * max(0, (i - 4) // 4), shift=shift) for i in range(12) for shift in (0, 3)]
"""A conversation in two orders of the options, whose window of history moves."""
RECURRENT = ("mamba", "lfm2", "mamba2", "qwen3-next", "recurrent-gemma", "rwkv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_lm(tmp_path_factory.mktemp("llm") / "llama")


@pytest.fixture
def engine(folder):
    return TransformersEngine(str(folder), device="cpu", offline=True)


def simply(engine, asked):
    """What the model says of the options if it is called on one prompt, and nothing is done about anything."""
    import torch

    read = engine.tokens.of(asked)
    with torch.inference_mode():
        logits = engine.forward._model(input_ids=torch.tensor([read.prompt])).logits[0, -1]
    return torch.log_softmax(logits[[path[0] for path in read.options]].double(), -1).numpy()


def with_signature(function, original):
    """Looks like the original to whoever asks what it takes."""
    function.__signature__ = signature(original)
    return function


def furthest(answers, others):
    return max(np.abs(a.log_probs - b.log_probs).max() for a, b in zip(answers, others, strict=True))


def test_a_spec_names_the_engine(folder):
    engine = registry.build("llm", f"transformers:{folder}", device="cpu", offline=True)
    assert engine.id == f"transformers:{folder}" and len(engine.model.sha256) == 64 and engine.notes == ()


def test_the_answer_is_the_models_own_distribution_over_the_options(engine):
    for asked in (question(0), question(7, shift=2)):
        (answer,) = engine.answer([asked])
        assert answer.how == "logprobs" and answer.reason is None
        assert answer.log_probs == pytest.approx(simply(engine, asked), abs=1e-5)
        assert np.exp(answer.log_probs).sum() == pytest.approx(1)


def test_answers_depend_on_what_is_said_and_on_what_was_said_before(engine):
    asked = question(5)
    other = replace(asked, history=(*asked.history[:-1], '{"id": "u4", "text": "A B C"}'))
    assert furthest(engine.answer([asked]), engine.answer([other])) > 0.01


@pytest.mark.parametrize("kind", [*ARCHITECTURES, *(pytest.param(kind, marks=pytest.mark.slow) for kind in RARER)])
def test_no_architectures_answers_depend_on_batch_order_or_what_was_asked_before(kind, tmp_path):
    engine = TransformersEngine(str(tiny_lm(tmp_path / kind, kind)), device="cpu", offline=True)
    call = CALL[::6] if kind in RECURRENT else CALL
    few = CALL[::5]
    ways = {
        "all at once": (call, engine.answer(call)),
        "again, with what was kept": (call, engine.answer(call)),
        "backwards": (call, engine.answer(call[::-1])[::-1]),
        "one by one": (few, [engine.answer([asked])[0] for asked in few]),
        "another conversation between": (few, [engine.answer([question(3, since=2), asked])[1] for asked in few]),
        "in small batches": (few, TransformersEngine(str(tmp_path / kind), device="cpu", rows=2).answer(few)),
    }
    expected = {asked: simply(engine, asked) for asked in [*call, *few]}
    for way, (asked, answers) in ways.items():
        assert max(np.abs(a.log_probs - expected[q]).max() for a, q in zip(answers, asked, strict=True)) <= 1e-3, way
    assert engine.forward.way == ("whole" if kind in RECURRENT else "reuse")
    assert bool(engine.notes) is (kind in RECURRENT)


def test_a_call_computes_each_token_once(engine):
    answers = engine.answer(CALL)
    prompts = [np.array(engine.tokens.prompt_ids(asked)) for asked in CALL]
    assert [a.prompt_tokens for a in answers] == [len(ids) for ids in prompts]
    assert sum(a.computed_tokens for a in answers) == unique_tokens(prompts) < sum(map(len, prompts)) / 2


def test_a_live_conversation_costs_hardly_more_than_its_own_tokens(engine):
    answers = [answer for i in range(0, len(CALL), 2) for answer in engine.answer(CALL[i : i + 2])]
    prompts = [np.array(engine.tokens.prompt_ids(asked)) for asked in CALL]
    assert sum(a.computed_tokens for a in answers) <= 1.05 * unique_tokens(prompts)


def test_the_same_question_twice_is_computed_once(engine):
    first, second = engine.answer([question(4), question(4)])
    assert furthest([first], [second]) == 0 and second.computed_tokens == 0 < first.computed_tokens


def test_conversations_that_are_listened_to_at_once_keep_their_beginnings(engine):
    def line(who, i):
        return replace(question(i), history=tuple(f'{{"id": "u{k}", "text": "{who} is it {k}"}}' for k in range(i)))

    begun = [engine.answer([line(who, 20)])[0] for who in "ABC"]
    for i in (21, 22):
        answers = [engine.answer([line(who, i)])[0] for who in "ABC"]
        assert all(answer.computed_tokens < first.computed_tokens / 2 for answer, first in zip(answers, begun))


def test_what_is_kept_stays_within_its_memory(folder):
    from convemo.llm.prefix_cache import MOST_KEPT

    engine = TransformersEngine(str(folder), device="cpu", memory_bytes=2**20)
    roomy = TransformersEngine(str(folder), device="cpu")
    for i in range(12):
        one = [replace(question(i + 3), static=f"{i} is the number of this one.")]
        assert furthest(engine.answer(one), roomy.answer(one)) <= 1e-3
        assert engine.forward.kept.size <= 2**18
    assert len(roomy.forward.kept) == MOST_KEPT
    tight = TransformersEngine(str(folder), device="cpu", memory_bytes=0)
    assert furthest(tight.answer(CALL), roomy.answer(CALL)) <= 1e-3 and len(tight.forward.kept) == 0


def test_a_prompt_longer_than_a_batch_may_be_is_computed_piece_by_piece(engine, monkeypatch):
    expected = [simply(engine, question(i)) for i in (3, 9)]
    monkeypatch.setattr(engine.forward, "_tokens", 50)
    answers = engine.answer([question(3), question(9)])
    assert max(np.abs(a.log_probs - e).max() for a, e in zip(answers, expected)) <= 1e-3


def test_options_of_several_tokens_are_summed_along_their_paths(engine):
    import torch

    asked = question(3, options=("joy", "joyful", "anger"))
    (answer,) = engine.answer([asked])
    assert answer.how == "paths"
    read, scores = engine.tokens.of(asked), []
    for path in read.options:
        ids = [*read.prompt, *path]
        with torch.inference_mode():
            logs = torch.log_softmax(engine.forward._model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
        scores.append(sum(logs[place - 1, ids[place]].item() for place in range(len(read.prompt), len(ids))))
    assert answer.log_probs == pytest.approx(scores - np.logaddexp.reduce(scores), abs=1e-4)


def test_a_history_that_is_too_long_is_cut_and_the_notes_say_so(folder):
    engine = TransformersEngine(f"{folder}?context=300", device="cpu")
    answers = engine.answer([question(12), question(1)])
    assert [a.reason for a in answers] == [None, None] and answers[0].prompt_tokens < 300
    assert engine.notes == (f"Of 1 prompts the earliest history was left out: transformers:{folder} reads 300 tokens at most.",)


def test_a_question_that_does_not_fit_says_so_and_the_others_are_answered(folder):
    engine = TransformersEngine(f"{folder}?context=200", device="cpu")
    long, short = engine.answer([replace(question(1), target="so " * 300), question(1)])
    assert long.log_probs is None and long.reason.startswith("the prompt is longer than the model reads: 200 tokens")
    assert short.reason is None


def test_no_questions_no_answers(engine):
    assert engine.answer([]) == []


def test_memory_that_runs_out_makes_batches_smaller_and_ends_nothing(engine, monkeypatch):
    expected, computed = engine.answer(CALL), engine.forward._compute
    engine.forward.kept.clear()

    def scarce(batch, *others):
        if len(batch) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return computed(batch, *others)

    monkeypatch.setattr(engine.forward, "_compute", scarce)
    assert furthest(engine.answer(CALL), expected) <= 1e-3


def test_a_model_that_breaks_gives_reasons_and_what_leaves_a_broken_prompt_has_one_too(engine, monkeypatch):
    def broken(*_):
        raise RuntimeError("CUDA error: an illegal address\nmore")

    monkeypatch.setattr(engine.forward, "_compute", broken)
    answers = engine.answer(CALL)
    assert all(answer.log_probs is None for answer in answers)
    reasons = {answer.reason for answer in answers}
    assert reasons == {"the model failed: RuntimeError: CUDA error: an illegal address", "what it begins with could not be computed"}


def test_scores_that_are_not_numbers_are_a_reason(engine):
    engine.forward._model.lm_head.weight.data[:] = float("nan")
    (answer,) = engine.answer([question(0)])
    assert answer.log_probs is None and "not finite" in answer.reason


@pytest.mark.parametrize("loss", ["positions", "padding", "tokens"])
def test_a_model_whose_cache_does_not_keep_its_answers_is_noticed(loss):
    """The net under the net: if a model's handling of positions, masks or kept tokens went wrong, prompts are computed whole."""
    network = tiny_network()
    forward = network.forward

    def wrong(input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **others):
        if past_key_values is not None and past_key_values.get_seq_length():
            if loss == "positions":
                position_ids = position_ids - 1
            if loss == "padding":
                attention_mask = attention_mask * 0 + 1
            if loss == "tokens":
                past_key_values.layers[0].keys[..., 0, :] = 0
        given = {"attention_mask": attention_mask, "position_ids": position_ids, "past_key_values": past_key_values}
        return forward(input_ids=input_ids, **given, **others)

    assert Forward(network).way == "reuse"
    network.forward = with_signature(wrong, forward)
    assert Forward(network).way == "whole"


def test_a_model_that_gives_other_answers_in_a_batch_is_asked_one_by_one():
    network = tiny_network()
    forward = network.forward

    def wrong(input_ids=None, past_key_values=None, **others):
        if past_key_values is not None:
            raise TypeError("no cache here")
        return forward(input_ids=input_ids.roll(1, 1) if len(input_ids) > 1 else input_ids, use_cache=False)

    network.forward = with_signature(wrong, forward)
    made = Forward(network)
    assert made.way == "alone"
    replies = made.ask([Ask((5, 6, 7), (1, 2)), Ask((5, 6, 8), (1, 2))])
    assert all(reply.log_probs is not None for reply in replies)


def test_half_precision_stays_near_the_exact_answers(folder, engine):
    half = TransformersEngine(f"{folder}?dtype=bfloat16", device="cpu")
    assert half.forward.way == "reuse"
    exact, rough = engine.answer(CALL), half.answer(CALL)
    assert 0 < furthest(exact, rough) < 0.2
    # In 16 bits another batch is another rounding: it stays within what the precision itself costs.
    assert furthest(rough, [half.answer([asked])[0] for asked in CALL]) < 0.2


def test_no_network_is_touched_and_nothing_is_sampled(folder, no_network):
    (folder / "generation_config.json").write_text('{"do_sample": true, "temperature": 9.0, "top_k": 1, "suppress_tokens": [34, 35]}')
    engine = TransformersEngine(str(folder), device="cpu", offline=True)
    assert engine.answer([question(2)])[0].log_probs == pytest.approx(simply(engine, question(2)), abs=1e-5)


def test_a_real_model_answers_alike_in_every_company():
    engine = TransformersEngine(str(stories_folder()), device="cpu", offline=True)
    call = [question(i, since=2 * (i // 2), options=LETTERS[:3]) for i in range(8)]
    expected = [simply(engine, asked) for asked in call]
    for answers in (engine.answer(call), engine.answer(call[::-1])[::-1], [engine.answer([asked])[0] for asked in call]):
        assert max(np.abs(a.log_probs - e).max() for a, e in zip(answers, expected)) <= 1e-4
    assert engine.forward.way == "reuse"
