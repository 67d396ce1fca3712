"""vLLM in process: ``llm="vllm:PATH_OR_ID"``, for models of billions of parameters on a GPU.

What vLLM has to be told so that its numbers are a distribution over the options (https://docs.vllm.ai/en/latest/api/vllm/sampling_params):
log-probabilities are taken after the mask of allowed tokens (``logprobs_mode="processed_logprobs"``; by default it is before), at
temperature 0 (so none is scaled), and nothing of the checkpoint's ``generation_config.json`` applies, whose top-k would drop options.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

import numpy as np

from convemo.checkpoints.load import import_transformers, load_processor
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.base import NOT_FINITE, Answer, Question
from convemo.llm.causal_lm import ADAPTER, LlmSpec, longest_context, parse_settings, resolve
from convemo.llm.option_tokens import PromptTokens, Tokens, TooLong
from convemo.registry import Availability
from convemo.types import ModelInfo
from convemo.weights import hub

INSTALL = "pip install 'convemo[vllm]'"
OWN_KEYS = {"tensor_parallel_size": int, "gpu_memory_utilization": float, "quantization": str}
"""Settings of ``vllm.LLM`` that may stand in the spec."""
KEYS = ("dtype", "adapter", "context")
MOST_OPTIONS = 64
"""How many log-probabilities vLLM gives for a token at most; its own bound is 20."""
RANKS = (8, 16, 32, 64, 128, 256, 512)
"""Ranks of LoRA for which vLLM makes room."""
SUM_TOLERANCE = 0.01
"""By how much probabilities of all options may miss 1."""
PROBE = Question("Answer with one letter.", (), "Which letter? A or B?\nAnswer:", ("A", "B"), ("a", "b"))


class VllmEngine:
    """A causal language model in vLLM that answers questions with a closed list of answers.

    Args:
        argument: ``PATH_OR_ID[?adapter=…][&dtype=…][&context=…][&tensor_parallel_size=…][&gpu_memory_utilization=…][&quantization=…]``.
        offline: whether the network is out of bounds.
        adapter: a LoRA adapter to put on the model: a folder or an id.
        announce: told one sentence before weights are fetched; ``None`` writes it to standard error.

    Raises:
        ConfigError: the argument makes no sense.
        EngineUnavailable: vLLM is not installed or does not start, or the model or adapter is not here or is something else.
    """

    def __init__(
        self,
        argument: str | None = None,
        *,
        offline: bool = False,
        adapter: str | None = None,
        announce: hub.Announce | None = None,
    ):
        spec, own = _parse(argument, adapter)
        vllm = _import_vllm()
        checkpoint, found = resolve(spec, offline, announce or hub.to_stderr)
        self.id = f"vllm:{spec.name}"
        self.model: ModelInfo = checkpoint.info if found is None else found.over(checkpoint.info)
        self.notes: tuple[str, ...] = ()
        tokenizer = load_processor(checkpoint, "text")
        config = import_transformers().AutoConfig.from_pretrained(str(checkpoint.folder), local_files_only=True, trust_remote_code=False)
        longest = min(filter(None, (spec.context, longest_context(config, tokenizer))))
        self.tokens = PromptTokens(tokenizer, longest - 1)  # one token is always generated
        """Makes token ids of questions."""
        settings: dict[str, Any] = {
            "model": str(checkpoint.folder),
            "load_format": "safetensors",
            "trust_remote_code": False,
            "dtype": spec.dtype or "auto",
            "seed": 0,
            "max_model_len": longest,
            "enable_prefix_caching": True,
            "generation_config": "vllm",
            "logprobs_mode": "processed_logprobs",
            "max_logprobs": MOST_OPTIONS,
            **own,
        }
        if found is not None:
            rank = int(json.loads((found.folder / ADAPTER).read_text(encoding="utf-8")).get("r") or RANKS[0])
            settings |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": next((r for r in RANKS if r >= rank), RANKS[-1])}
        try:
            self._llm = vllm.LLM(**settings)
        except Exception as error:  # vLLM's, torch's and CUDA's errors share no base
            found_instead = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
            hint = "It needs a GPU with room for the model: see docs/llm-in-process.md. llm='transformers:…' runs anywhere."
            raise EngineUnavailable(f"vLLM to start with {checkpoint.name}", found_instead, hint) from error
        self._vllm = vllm
        self._lora = vllm.lora.request.LoRARequest(found.name, 1, str(found.folder)) if found is not None else None
        self._lock = threading.Lock()
        self._dropped = 0
        self._try_out()

    @classmethod
    def check(cls, argument: str | None, offline: bool = False) -> None:
        """Raises ConfigError if the argument makes no sense."""
        _parse(argument, None)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether vLLM is installed. Nothing heavy is imported."""
        if find_spec("vllm") is None:
            return Availability(False, "vllm not installed", INSTALL)
        return Availability(True, "any causal language model that vLLM serves, on a GPU: llm='vllm:PATH_OR_ID'")

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer each, in the same order. A question that does not fit gets its reason."""
        with self._lock:
            read = [self._read(question) for question in questions]
            asked = [tokens for tokens in read if isinstance(tokens, Tokens)]
            requests = [request for tokens in asked for request in self._requests(tokens)]
            try:
                outputs = self._generate(requests)
            except Exception as error:  # as above
                reason = f"vLLM failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
                return [Answer(None, reason if isinstance(tokens, Tokens) else tokens, "logprobs") for tokens in read]
            outputs = iter(outputs)
            return [
                _answer(tokens, [next(outputs) for _ in self._requests(tokens)])
                if isinstance(tokens, Tokens)
                else Answer(None, tokens, "logprobs")
                for tokens in read
            ]

    def _read(self, question: Question) -> Tokens | str:
        try:
            tokens = self.tokens.of(question)
        except TooLong as error:
            return str(error)
        if tokens.dropped:
            self._dropped += 1
            said = f"Of {self._dropped} prompts the earliest history was left out: {self.id} reads {self.tokens.longest} tokens at most."
            self.notes = (said,)
        return tokens

    def _requests(self, tokens: Tokens) -> list[tuple[tuple[int, ...], Any]]:
        """What vLLM is given: one prompt, or one for each option where options have several tokens."""
        if tokens.single:
            allowed = sorted({path[0] for path in tokens.options})
            return [(tokens.prompt, self._sampling(allowed_token_ids=allowed, logprobs=len(allowed)))]
        # Such a request reads no prefix from the cache, since vLLM gives log-probabilities of computed tokens alone. The last token of
        # an option is read off as part of the prompt, so one more fits behind it.
        return [(tokens.prompt + path, self._sampling(prompt_logprobs=0)) for path in tokens.options]

    def _sampling(self, **settings: Any) -> Any:
        return self._vllm.SamplingParams(max_tokens=1, temperature=0.0, detokenize=False, **settings)

    def _generate(self, requests: Sequence[tuple[tuple[int, ...], Any]]) -> list[Any]:
        if not requests:
            return []
        prompts = [self._vllm.inputs.TokensPrompt(prompt_token_ids=list(ids)) for ids, _ in requests]
        return self._llm.generate(prompts, [sampling for _, sampling in requests], use_tqdm=False, lora_request=self._lora)

    def _try_out(self) -> None:
        """Asks one question.

        Raises:
            EngineUnavailable: there is no answer, or it is no distribution over the options.
        """
        answer = self.answer([PROBE])[0]
        self.notes, self._dropped = (), 0
        if answer.reason is not None:
            hint = "vLLM 0.11 or later is needed: `pip install -U vllm`."
            raise EngineUnavailable(f"a distribution over the options from {self.id}", answer.reason, hint)


def _answer(tokens: Tokens, outputs: Sequence[Any]) -> Answer:
    """The options' log-probabilities in what vLLM gave back."""
    how = "logprobs" if tokens.single else "paths"
    length = sum(len(output.prompt_token_ids) for output in outputs)
    computed = length - sum(output.num_cached_tokens or 0 for output in outputs)
    try:
        if tokens.single:
            given = outputs[0].outputs[0].logprobs[0]
            scores = np.array([given[path[0]].logprob for path in tokens.options])
            if abs(np.exp(scores).sum() - 1) > SUM_TOLERANCE:
                found = np.exp(scores).sum()
                return Answer(None, f"vLLM's probabilities of the options sum to {found:.3f}: taken before the mask", how, length, computed)
        else:
            scores = np.array([_path(output.prompt_logprobs, path) for output, path in zip(outputs, tokens.options)])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        return Answer(None, f"vLLM gave no log-probability of every option: {type(error).__name__}: {error}", how, length, computed)
    if not np.isfinite(scores).all():
        return Answer(None, NOT_FINITE, how, length, computed)
    return Answer(scores - np.logaddexp.reduce(scores), None, how, length, computed)


def _path(prompt_logprobs: Sequence[Any], path: Sequence[int]) -> float:
    """The summed log-probabilities of a prompt's last tokens."""
    return float(sum(given[token].logprob for given, token in zip(prompt_logprobs[len(prompt_logprobs) - len(path) :], path)))


def _parse(argument: str | None, adapter: str | None) -> tuple[LlmSpec, dict[str, Any]]:
    """The model, and settings of vLLM's own.

    Raises:
        ConfigError: a setting is unknown or makes no sense.
    """
    name, given = parse_settings(argument, (*KEYS, *OWN_KEYS))
    own: dict[str, Any] = {}
    for key, kind in OWN_KEYS.items():
        if key in given:
            try:
                own[key] = kind(given[key])
            except ValueError as error:
                raise ConfigError(f"{key} as a number", repr(given[key])) from error
    shared = urlencode({key: given[key] for key in KEYS if key in given})
    return LlmSpec.parse(f"{name}?{shared}" if shared else name, adapter), own


def _import_vllm() -> Any:
    """The package, told to report nothing to anybody before it is imported.

    Raises:
        EngineUnavailable: it is not installed, or does not load.
    """
    if find_spec("vllm") is None:
        raise EngineUnavailable("vllm to be installed", "no vllm", f"Install it: `{INSTALL}`.")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # https://docs.vllm.ai/en/latest/usage/usage_stats
    try:
        import vllm
        import vllm.inputs
        import vllm.lora.request
    except Exception as error:
        raise EngineUnavailable("vllm to load", f"{type(error).__name__}: {error}", f"Install it again: `{INSTALL}`.") from error
    return vllm
