"""Prompts that share a row are answered as if each were alone."""

import numpy as np
import pytest
import torch

from convemo.training.llm_examples import Example
from convemo.training.llm_fit import losses
from convemo.training.llm_packing import Pack, answer_logits, one_by_one, pack_prompts, packs_faithfully
from tests.llm.tiny_lm import tiny_network

BEGIN = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
PROMPTS = [[*BEGIN, 20, 21, 22], [*BEGIN, 20, 30], [*BEGIN, 40, 41, 42, 43], [50, 51, 52]]
HEEDING = ("llama", "qwen2", "qwen3", "phi", "gpt2", "gpt-neox", "cohere")
"""Architectures that attend where they are told to."""


def examples():
    order = (2, 0, 1)
    return [Example(tuple(prompt), (60, 61, 62), order, label) for label, prompt in zip((0, 1, 2, 0), PROMPTS)]


@pytest.mark.parametrize("kind", HEEDING)
def test_packed_prompts_get_the_answers_of_single_ones(kind):
    model = tiny_network(kind)
    packed = torch.cat([answer_logits(model, pack) for pack in pack_prompts(PROMPTS, 100)])
    alone = torch.cat([answer_logits(model, pack, packed=False) for pack in one_by_one(PROMPTS)])
    torch.testing.assert_close(packed, alone, atol=2e-5, rtol=1e-4)
    assert packs_faithfully(model, PROMPTS, 0.005)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_losses_and_gradients_are_those_of_single_prompts(attention):
    found = []
    for packs, packed in ((pack_prompts(PROMPTS, 100), True), (one_by_one(PROMPTS), False)):
        model = tiny_network("llama")
        model.set_attn_implementation(attention)
        logits = torch.cat([answer_logits(model, pack, packed=packed) for pack in packs])
        loss = sum(losses(logits, examples())).mean()
        loss.backward()
        found.append((loss.item(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-4, rtol=1e-3)


def test_nothing_of_one_prompt_reaches_another():
    model = tiny_network("llama")
    others = [[*BEGIN, 99, 98, 97], *PROMPTS[1:]]
    before, after = (answer_logits(model, pack_prompts(prompts, 100)[0]) for prompts in (PROMPTS, others))
    assert not torch.allclose(before[0], after[0], atol=1e-2)
    torch.testing.assert_close(before[1:], after[1:], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["mistral", "mamba"])  # a window of 9 tokens; no attention at all
def test_a_network_that_does_not_heed_the_mask_is_found_out(kind):
    assert not packs_faithfully(tiny_network(kind), PROMPTS, 0.005)


def test_what_prompts_begin_with_is_there_once():
    (pack,) = pack_prompts(PROMPTS, 100)
    assert len(pack) == len(BEGIN) + 3 + 1 + 4 + 3
    assert pack.whole_tokens == sum(map(len, PROMPTS))
    assert [pack.positions[end] for end in pack.ends] == [len(prompt) - 1 for prompt in PROMPTS]


def test_equal_prompts_end_in_the_same_place():
    pack = Pack()
    assert [pack.add([1, 2]), pack.add([1, 2])] == [0, 1] and pack.ends == [1, 1] and len(pack) == 2


def test_a_pack_holds_as_many_tokens_as_it_may_and_loses_no_prompt():
    rng = np.random.default_rng(0)
    prompts = [rng.integers(3, size=rng.integers(1, 9)).tolist() for _ in range(60)]
    packs = pack_prompts(prompts, 12)
    assert sum(len(pack.ends) for pack in packs) == 60 and max(map(len, packs)) <= 12
    assert [read(pack, end) for pack in packs for end in pack.ends] == prompts


def read(pack, end):
    """A prompt, read back from its end."""
    seen = np.flatnonzero(pack.visible()[end])
    assert [pack.positions[i] for i in seen] == list(range(len(seen)))
    return [pack.tokens[i] for i in seen]


def test_the_two_losses_sum_to_the_cross_entropy_over_the_vocabulary():
    logits = torch.randn(4, 80, generator=torch.Generator().manual_seed(0))
    answer, beyond = losses(logits, examples())
    right = torch.tensor([e.options[e.answer] for e in examples()])
    torch.testing.assert_close(answer + beyond, torch.nn.functional.cross_entropy(logits, right, reduction="none"))
    assert (answer > 0).all() and (beyond > 0).all()
