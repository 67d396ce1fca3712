"""vLLM in process: what it is asked for, and what is made of what it gives back.

No GPU here, so the model behind it is a rule. The requests and answers are vLLM's own types where it is installed, and else stand-ins
with the fields and signatures that its documentation names (https://docs.vllm.ai/en/latest/api/vllm).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from inspect import signature
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from convemo import registry
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.vllm import VllmEngine
from tests.llm.test_causal_lm import lora
from tests.llm.tiny_lm import question, tiny_lm

VOCABULARY = 300


@dataclass(kw_only=True)
class SamplingParams:
    max_tokens: int = 16
    temperature: float = 1.0
    detokenize: bool = True
    allowed_token_ids: list[int] | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str = ""


@dataclass
class Logprob:
    logprob: float


def stand_in() -> ModuleType:
    vllm, inputs, lora, request = (ModuleType(name) for name in ("vllm", "vllm.inputs", "vllm.lora", "vllm.lora.request"))
    vllm.SamplingParams, vllm.inputs, vllm.lora, vllm.LLM = SamplingParams, inputs, lora, None
    inputs.TokensPrompt, lora.request, request.LoRARequest = dict, request, LoRARequest
    return vllm


def scores(ids) -> np.ndarray:
    """What the model says after these tokens."""
    return np.sin(np.arange(VOCABULARY) * (1 + sum(ids) % 97))


def log_softmax(x):
    return x - np.logaddexp.reduce(x)


class FakeLLM:
    """Gives what vLLM documents: log-probabilities of the allowed tokens, after the mask, the likeliest ``logprobs`` of them."""

    masks, made = True, []

    def __init__(self, **settings: Any):
        self.settings, self.calls = settings, []
        FakeLLM.made.append(self)

    def generate(self, prompts, sampling_params, *, use_tqdm=True, lora_request=None):
        assert self.settings["logprobs_mode"] == "processed_logprobs" and not use_tqdm
        self.calls.append((prompts, sampling_params, lora_request))
        return [self._one(prompt["prompt_token_ids"], params) for prompt, params in zip(prompts, sampling_params, strict=True)]

    def _one(self, ids, params):
        assert params.max_tokens == 1 and params.temperature == 0 and len(ids) + 1 <= self.settings["max_model_len"]
        given, prompt = None, None
        if params.allowed_token_ids is not None:
            masked = np.full(VOCABULARY, -np.inf)
            masked[params.allowed_token_ids] = scores(ids)[params.allowed_token_ids]
            logs = log_softmax(masked if self.masks else scores(ids))
            assert params.logprobs <= self.settings["max_logprobs"]
            likeliest = np.argsort(-masked)[: params.logprobs]
            given = [{int(token): Logprob(float(logs[token])) for token in likeliest}]
        if params.prompt_logprobs is not None:
            prompt = [None, *({t: Logprob(float(log_softmax(scores(ids[:i]))[t]))} for i, t in enumerate(ids) if i)]
        return SimpleNamespace(
            prompt_token_ids=ids, num_cached_tokens=16, prompt_logprobs=prompt, outputs=[SimpleNamespace(logprobs=given)]
        )


@pytest.fixture(params=["stand-in", "own"])
def vllm(request, monkeypatch):
    if request.param == "stand-in":
        module = stand_in()
        names = {"vllm": module, "vllm.inputs": module.inputs, "vllm.lora": module.lora, "vllm.lora.request": module.lora.request}
        for name, part in names.items():
            monkeypatch.setitem(sys.modules, name, part)
    else:
        module = pytest.importorskip("vllm")
    monkeypatch.setattr("convemo.llm.vllm.find_spec", lambda name: object())
    monkeypatch.setattr(module, "LLM", FakeLLM)
    monkeypatch.setattr(FakeLLM, "made", [])
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_lm(tmp_path_factory.mktemp("llm") / "llama")


def test_the_answer_is_the_distribution_over_the_options_in_the_questions_order(vllm, folder):
    engine = VllmEngine(str(folder), offline=True)
    for asked, answer in zip([question(0), question(5, shift=2)], engine.answer([question(0), question(5, shift=2)])):
        read = engine.tokens.of(asked)
        assert answer.log_probs == pytest.approx(log_softmax(scores(read.prompt)[[path[0] for path in read.options]]))
        assert answer.how == "logprobs" and (answer.prompt_tokens, answer.computed_tokens) == (len(read.prompt), len(read.prompt) - 16)


def test_vllm_is_told_what_its_numbers_depend_on(vllm, folder):
    engine = registry.build("llm", f"vllm:{folder}?context=900&tensor_parallel_size=2&gpu_memory_utilization=0.5", offline=True)
    (llm,) = FakeLLM.made
    expected = {
        "model": str(folder),
        "load_format": "safetensors",
        "trust_remote_code": False,
        "max_model_len": 900,
        "enable_prefix_caching": True,
        "generation_config": "vllm",
        "logprobs_mode": "processed_logprobs",
        "tensor_parallel_size": 2,
        "gpu_memory_utilization": 0.5,
    }
    assert llm.settings == llm.settings | expected and "enable_lora" not in llm.settings
    engine.answer([question(3)])
    (prompt,), (params,), lora_request = llm.calls[-1]
    assert prompt["prompt_token_ids"] == engine.tokens.prompt_ids(question(3)) and lora_request is None
    assert sorted(params.allowed_token_ids) == sorted(path[0] for path in engine.tokens.option_ids(question(3)))
    assert params.logprobs == 7 and params.temperature == 0 and params.max_tokens == 1


def test_a_call_goes_to_vllm_at_once_so_that_it_can_share_prefixes(vllm, folder):
    engine = VllmEngine(str(folder))
    alone = [engine.answer([question(i)])[0].log_probs for i in range(6)]
    before = len(FakeLLM.made[0].calls)
    together = [answer.log_probs for answer in engine.answer([question(i) for i in range(6)])]
    assert np.array_equal(alone, together) and len(FakeLLM.made[0].calls) == before + 1


def test_options_of_several_tokens_are_read_off_as_parts_of_the_prompt(vllm, folder):
    engine = VllmEngine(str(folder))
    asked = question(2, options=("joy", "joyful", "anger"))
    paths, single = engine.answer([asked, question(1)])
    read = engine.tokens.of(asked)
    sums = [sum(log_softmax(scores(read.prompt + path[:i]))[token] for i, token in enumerate(path)) for path in read.options]
    assert paths.how == "paths" and paths.log_probs == pytest.approx(log_softmax(np.array(sums)))
    assert single.how == "logprobs" and single.reason is None


def test_an_adapter_goes_along_as_a_request_with_room_for_its_rank(vllm, folder, tmp_path):
    adapter = lora(folder, tmp_path / "mine", rank=12)
    engine = VllmEngine(str(folder), adapter=str(adapter))
    (llm,) = FakeLLM.made
    assert llm.settings["enable_lora"] and llm.settings["max_lora_rank"] == 16
    engine.answer([question(1)])
    asked = llm.calls[-1][2]
    assert isinstance(asked, vllm.lora.request.LoRARequest)
    assert (asked.lora_name, asked.lora_int_id, asked.lora_path) == ("mine", 1, str(adapter))
    assert "+mine@" in engine.model.id


def test_a_vllm_whose_numbers_are_taken_before_the_mask_is_refused(vllm, folder, monkeypatch):
    monkeypatch.setattr(FakeLLM, "masks", False)
    with pytest.raises(EngineUnavailable, match="taken before the mask"):
        VllmEngine(str(folder))


def test_what_breaks_in_vllm_is_a_reason(vllm, folder, monkeypatch):
    engine = VllmEngine(f"{folder}?context=300")

    def broken(*_, **__):
        raise RuntimeError("EngineDeadError\nmore")

    (fits, long) = engine.answer([question(1), question(1).__class__("a " * 900, (), "b", ("A", "B"), ("a", "b"))])
    assert fits.reason is None and "longer than the model reads: 299 tokens" in long.reason
    monkeypatch.setattr(FakeLLM.made[0], "generate", broken)
    assert engine.answer([question(1)])[0].reason == "vLLM failed: RuntimeError: EngineDeadError"


def test_a_vllm_that_does_not_start_says_why(vllm, folder, monkeypatch):
    def broken(**_):
        raise RuntimeError("Failed to infer device type")

    monkeypatch.setattr(vllm, "LLM", broken)
    with pytest.raises(EngineUnavailable, match="Failed to infer device type"):
        VllmEngine(str(folder))


def test_a_history_that_is_cut_is_in_the_notes(vllm, folder):
    engine = VllmEngine(f"{folder}?context=300")
    assert engine.notes == ()
    engine.answer([question(12)])
    assert engine.notes == (f"Of 1 prompts the earliest history was left out: vllm:{folder} reads 299 tokens at most.",)


@pytest.mark.parametrize("spec", ["a/b?weights=pickle", "a/b?tensor_parallel_size=two", "a/b?trust_remote_code=1"])
def test_settings_that_make_no_sense_are_refused(vllm, spec):
    with pytest.raises(ConfigError):
        VllmEngine(spec)


def test_usage_is_reported_to_nobody(vllm, folder):
    VllmEngine(str(folder))
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"


def test_without_vllm_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("convemo.llm.vllm.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="convemo\\[vllm\\]"):
        VllmEngine("a/b")
    assert not VllmEngine.availability().usable


def test_vllms_own_arguments_and_sampler_take_and_give_what_is_relied_on(folder, monkeypatch):
    """Run where vLLM is installed: its engine takes our settings, and its sampler normalises over the allowed tokens alone."""
    vllm = pytest.importorskip("vllm")
    import torch
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.sample.logits_processor import LogitsProcessors
    from vllm.v1.sample.metadata import SamplingMetadata
    from vllm.v1.sample.sampler import Sampler

    generate = signature(vllm.LLM.generate)
    monkeypatch.setattr(vllm, "LLM", FakeLLM)
    VllmEngine(str(folder))
    settings = FakeLLM.made[-1].settings
    made = EngineArgs(**settings)
    assert made.logprobs_mode == "processed_logprobs" and made.generation_config == "vllm"
    outputs = signature(vllm.outputs.RequestOutput.__init__).parameters
    assert {"prompt_token_ids", "prompt_logprobs", "outputs", "num_cached_tokens"} <= set(outputs)
    assert "logprobs" in signature(vllm.outputs.CompletionOutput).parameters
    assert {"use_tqdm", "lora_request"} <= set(generate.parameters)

    allowed, logits = [34, 35, 36], torch.randn(1, VOCABULARY, generator=torch.manual_seed(1))
    mask = torch.ones(1, VOCABULARY, dtype=torch.bool)
    mask[0, allowed] = False
    nothing = torch.zeros(1)
    metadata = SamplingMetadata(
        temperature=None,
        all_greedy=True,
        all_random=False,
        top_p=None,
        top_k=None,
        generators={},
        max_num_logprobs=3,
        no_penalties=True,
        prompt_token_ids=None,
        frequency_penalties=nothing,
        presence_penalties=nothing,
        repetition_penalties=nothing,
        output_token_ids=[[]],
        allowed_token_ids_mask=mask,
        bad_words_token_ids={},
        logitsprocs=LogitsProcessors(),
    )
    given = {}
    for mode in ("processed_logprobs", "raw_logprobs"):
        tensors = Sampler(logprobs_mode=mode)(logits.clone(), metadata).logprobs_tensors
        given[mode] = dict(zip(tensors.logprob_token_ids[0].tolist(), tensors.logprobs[0].tolist()))
    expected = torch.log_softmax(logits[0, allowed], -1)
    assert [given["processed_logprobs"][token] for token in allowed] == pytest.approx(expected.tolist(), abs=1e-5)
    assert sum(np.exp(v) for v in given["raw_logprobs"].values()) < 0.9
