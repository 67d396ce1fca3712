"""The loop that teaches a language model to answer: loss on the answer's token alone, packs of prompts, the best state on dev kept.

The loss of an example is the cross-entropy of its answer among the options, which is how its distribution is read in an analysis, plus
`beyond_options` times −log of the probability that the options have together. With 1 (the default) the sum is exactly the cross-entropy
over the full vocabulary, so that servers which cannot restrict their answers get an answer too; with 0 what lies beyond the options is
left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convemo.errors import ConfigError, EngineFailed
from convemo.llm.questions import orders
from convemo.metrics.calibration import negative_log_likelihood
from convemo.training.finetune import LOG_EVERY, MAX_GRADIENT_NORM, SELECTION, class_weights
from convemo.training.llm_config import LlmConfig
from convemo.training.llm_examples import Example, Examples
from convemo.training.llm_packing import Pack, answer_logits, one_by_one, pack_prompts, packs_faithfully
from convemo.training.run import RunLog, provenance, seed_everything

CHECKPOINT, BEST = "checkpoint.pt", "best.pt"
TOLERANCE = {"float32": 0.005, "bfloat16": 0.1}
"""Of log-probabilities between packed and single prompts: rounding is far below, attention to another's prompt far above."""
TRIED = 4
"""Prompts on which it is tried whether the network heeds a mask."""


@dataclass(slots=True, eq=False)
class Learner:
    """A model and what trains it.

    Args:
        model: a causal language model, where it is to be trained; only what ``requires_grad`` is trained, kept and saved.
        settings: of the run.
        out: the run's folder.
    """

    model: Any
    settings: LlmConfig
    out: Path
    packed: bool = True
    """Whether prompts share a row; `fit` finds out."""
    computed_tokens: int = 0
    whole_tokens: int = 0
    """Tokens computed, and what they would have been prompt by prompt."""

    # Training ---------------------------------------------------------------------------------------------------------

    def fit(self, train: Examples, dev: Examples, log: RunLog) -> None:
        """The training; leaves the model as it was where it was best on dev.

        Raises:
            ConfigError: the run in this folder began with other settings, or the tokenizer splits an option.
            EngineFailed: the training diverged.
        """
        settings, model = self.settings, self.model
        torch.set_num_threads(settings.threads)
        seed_everything(settings.seed)
        weights = class_weights(train.labels, len(train.prompt.labels), settings.class_weight_power).numpy()
        optimizer = torch.optim.AdamW(self._groups(), lr=settings.learning_rate, fused=True)
        a_pass = math.ceil(len(train) / settings.batch_size)
        steps, every = settings.epochs * a_pass, max(math.ceil(a_pass / settings.evaluations), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, settings.warmup))
        begun, best = self._resume(optimizer, schedule)
        self._try_packing(train)
        log.write("start", step=begun, steps=steps, packed=self.packed, **told_of(train, dev), **self._sizes(), **provenance(settings))
        batches: list[list[int]] = []
        running: list[dict[str, float]] = []
        for step in range(begun, steps):
            if not batches or step % a_pass == 0:
                chance = np.random.default_rng([settings.seed, 0, step // a_pass])
                batches = train.batches(settings.batch_size, settings.together, chance)
            model.train()
            running.append(self._step(train, batches[step % a_pass], weights, np.random.default_rng([settings.seed, 1, step])))
            torch.nn.utils.clip_grad_norm_(self._trained(), MAX_GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            done = step + 1
            log.progress("train", done, steps)
            if done % LOG_EVERY == 0 or done == steps:
                means = {name: float(np.mean([told[name] for told in running])) for name in running[0]}
                tokens = {"computed_tokens": self.computed_tokens, "whole_tokens": self.whole_tokens}
                log.write("step", step=done, rate=max(schedule.get_last_lr()), **means, **tokens)
                running.clear()
            if done % every == 0 or done == steps:
                scores = self.judge(dev)
                log.write("dev", step=done, **scores)
                good = -scores["nll"] if settings.select == "nll" else scores[settings.select]
                if good > best:
                    best = good
                    _save(self.out / BEST, {"step": done, "model": self._state()})
                self._checkpoint(optimizer, schedule, done, best)
        if train.too_long:
            log.write("too long", questions=train.too_long)
        self._load(torch.load(self.out / BEST, map_location="cpu", weights_only=True)["model"])
        model.eval()

    def _step(self, train: Examples, chosen: Sequence[int], weights: np.ndarray, chance: np.random.Generator) -> dict[str, float]:
        """Gradients of one batch, pack by pack; the batch's mean loss and its parts."""
        settings = self.settings
        asked = [example for several in train.of(chosen, train.random_orders(len(chosen), chance, settings.orders)) for example in several]
        told = {"loss": 0.0, "answer_loss": 0.0, "options_share": 0.0}
        for pack, examples in self._packs(asked):
            with self._precision():
                logits = answer_logits(self.model, pack, packed=self.packed)
            answer, beyond = losses(logits.float(), examples)
            weight = torch.tensor([weights[e.label] for e in examples], dtype=torch.float32, device=logits.device)
            loss = (weight * (answer + settings.beyond_options * beyond)).sum() / len(asked)
            loss.backward()
            told["loss"] += float(loss.detach())
            told["answer_loss"] += float(answer.detach().sum()) / len(asked)
            told["options_share"] += float((-beyond.detach()).exp().sum()) / len(asked)
        return told

    # Asking -----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, examples: Examples) -> np.ndarray:
        """``(N, K)`` probabilities over the prompt's labels: the mean over the orders; uniform where a prompt does not fit."""
        self.model.eval()
        labels = len(examples.prompt.labels)
        shown = orders(labels, self.settings.asked_orders)
        probabilities = np.zeros((len(examples), labels))
        for part in np.array_split(np.arange(len(examples)), max(1, len(examples) // 64)):
            asked = [(row, example) for row, several in zip(part, examples.of(part, [shown] * len(part))) for example in several]
            rows = iter(asked)
            for pack, of_pack in self._packs([example for _, example in asked]):
                with self._precision():
                    logits = answer_logits(self.model, pack, packed=self.packed).float()
                for scores, example in zip(logits, of_pack):
                    row, _ = next(rows)
                    p = torch.softmax(scores[list(example.options)], -1).double().cpu().numpy()
                    probabilities[row, list(example.order)] += p / len(shown)
        missing = 1 - probabilities.sum(axis=1, keepdims=True)
        return probabilities + missing / labels

    def judge(self, dev: Examples) -> dict[str, float]:
        """Figures on dev.

        Raises:
            EngineFailed: the network gives no numbers any more.
        """
        probabilities = self.predict(dev)
        if not np.isfinite(probabilities).all():
            raise EngineFailed("probabilities on dev", "NaN: the training diverged", 'Lower learning_rate, or set precision = "float32".')
        chosen = probabilities.argmax(axis=1)
        scores = {name: metric(chosen, dev.labels) for name, metric in SELECTION.items()}
        return scores | {"nll": negative_log_likelihood(probabilities, dev.labels)}

    def _packs(self, examples: Sequence[Example]) -> Iterator[tuple[Pack, Sequence[Example]]]:
        """The examples in packs, in their order."""
        prompts = [example.prompt for example in examples]
        packs, done = pack_prompts(prompts, self.settings.pack_tokens) if self.packed else one_by_one(prompts), 0
        for pack in packs:
            self.computed_tokens += len(pack)
            self.whole_tokens += pack.whole_tokens
            yield pack, examples[done : done + len(pack.ends)]
            done += len(pack.ends)

    @torch.no_grad()
    def _try_packing(self, train: Examples) -> None:
        """Packs only where the network then answers as to single prompts."""
        chance = np.random.default_rng(self.settings.seed)
        first = list(range(min(TRIED, len(train))))
        asked = [e for several in train.of(first, train.random_orders(len(first), chance)) for e in several]
        self.model.eval()
        with self._precision():
            self.packed = bool(asked) and packs_faithfully(self.model, [e.prompt for e in asked], TOLERANCE[self.settings.precision])

    @contextmanager
    def _precision(self) -> Iterator[None]:
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            yield

    # State ------------------------------------------------------------------------------------------------------------

    def _groups(self) -> list[dict[str, Any]]:
        """No decay on biases and norms."""
        plain, matrices = [p for p in self._trained() if p.ndim < 2], [p for p in self._trained() if p.ndim > 1]
        groups = ((matrices, self.settings.weight_decay), (plain, 0.0))
        return [{"params": parameters, "weight_decay": decay} for parameters, decay in groups if parameters]

    def _trained(self) -> list[torch.nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def _sizes(self) -> dict[str, int]:
        return {
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "trained_parameters": sum(p.numel() for p in self._trained()),
        }

    def _state(self) -> dict[str, torch.Tensor]:
        """Only what is trained: of a model with an adapter, the adapter."""
        return {name: p.detach().cpu().clone() for name, p in self.model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def _load(self, state: Mapping[str, torch.Tensor]) -> None:
        trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        if trained.keys() != state.keys():
            raise ConfigError(
                f"the network that the run in {self.out} began with", "another", "Name another output folder, or empty this one."
            )
        for name, parameter in trained.items():
            parameter.copy_(state[name])

    def _checkpoint(self, optimizer: torch.optim.Optimizer, schedule: Any, step: int, best: float) -> None:
        state = {"model": self._state(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "step": step, "best": best}
        chance = {"rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}
        _save(self.out / CHECKPOINT, state | chance | {"config": self.settings.model_dump_json()})

    def _resume(self, optimizer: torch.optim.Optimizer, schedule: Any) -> tuple[int, float]:
        """Steps done and best dev score of the run in this folder, its state loaded; ``(0, -inf)`` for a new one."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return 0, -math.inf
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["config"] != self.settings.model_dump_json():
            hint = "Name another output folder, or empty this one."
            raise ConfigError(f"the settings that the run in {self.out} began with", "others", hint)
        self._load(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["rng"])
        if torch.cuda.is_available() and state["cuda_rng"]:
            torch.cuda.set_rng_state_all(state["cuda_rng"])
        return state["step"], state["best"]


def losses(logits: torch.Tensor, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each example −log p(answer | one of the options), and −log p(one of the options).

    Args:
        logits: ``(B, V)``.
        examples: ``B`` of them, with equally many options.

    Returns:
        ``(B,)`` each; their sum is the cross-entropy over the full vocabulary.

    >>> asked = Example((1,), options=(2, 3), order=(0, 1), label=1)
    >>> answer, beyond = losses(torch.zeros(1, 4), [asked])
    >>> answer.exp().item(), beyond.exp().item()
    (2.0, 2.0)
    """
    options = torch.tensor([e.options for e in examples], device=logits.device)  # (B, K)
    answers = torch.tensor([[e.answer] for e in examples], device=logits.device)  # (B, 1)
    among = logits.gather(1, options)  # (B, K)
    answer = among.logsumexp(1) - among.gather(1, answers)[:, 0]
    return answer, logits.logsumexp(1) - among.logsumexp(1)


def told_of(train: Examples, dev: Examples) -> dict[str, Any]:
    """How many examples there are, and what it costs nothing to reach: always the commonest label, and how often each occurs."""
    names = tuple(train.prompt.labels)
    counts = np.bincount(train.labels, minlength=len(names))
    return {"train": dict(zip(names, counts.tolist())), "dev": len(dev), "majority": majority(counts, dev.labels)}


def majority(counts: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """What needs no model: train's commonest label; the NLL of its shares; and, as ``"drawn_weighted_f1"``, labels drawn by those shares.

    >>> told = majority(np.array([3, 1]), np.array([0, 0, 1, 0]))
    >>> round(told["weighted_f1"], 3), round(told["nll"], 3), round(told["drawn_weighted_f1"], 3)
    (0.643, 0.562, 0.625)
    """
    chosen = np.full(len(truth), counts.argmax())
    shares = np.tile((counts + 1e-9) / (counts + 1e-9).sum(), (len(truth), 1))
    scores = {name: float(metric(chosen, truth)) for name, metric in SELECTION.items()}
    true, drawn = np.bincount(truth, minlength=len(counts)) / len(truth), shares[0]
    f1 = 2 * true * drawn / np.maximum(true + drawn, 1e-12)  # of each label, where draws and truth know nothing of each other
    return scores | {"nll": float(negative_log_likelihood(shares, truth)), "drawn_weighted_f1": float(true @ f1)}


def _rate(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate: up in a line, then down as a cosine."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def _save(path: Path, state: Mapping[str, Any]) -> None:
    beside = path.with_suffix(".part")
    torch.save(dict(state), beside)
    beside.replace(path)
