"""What a causal language model says comes next, for many prompts at once, with nothing computed twice.

Rows of a batch are laid out as generation lays them out: what was computed before flush right, then what is new, flush left:

    0 0 k k k k | t t t 0        k: keys and values of tokens computed before    t: new tokens    0: masked
    k k k k k k | t t t t

so that each row is unbroken, and masks that count places back (sliding windows, ALiBi) hold. Whether all of this leaves a model's
answers as they are is not believed but tried, when it is loaded; where it does not, prompts are computed whole, or one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Literal

import numpy as np

from convemo.llm.base import NOT_FINITE
from convemo.llm.prefix_cache import Layers, PrefixCache, Segment, together
from convemo.llm.prefix_tree import Path, tree
from convemo.llm.readout import Readout

Way = Literal["reuse", "whole", "alone"]
"""What is shared is computed once; each prompt is computed whole; … and by itself."""
ROWS = 16
"""Prompts in a batch, at most."""
PROCESSOR_TOKENS, GPU_TOKENS = 2048, 8192
"""New tokens in a batch, at most; longer ones are computed piece by piece."""
PROCESSOR_BYTES = 2 * 2**30
"""For keys and values, on a processor; on a GPU it is `GPU_SHARE` of what is free once the model is there."""
GPU_SHARE = 0.4
TOLERANCE = 1e-3
"""By how much a logarithm of a probability may differ between ways, in float32."""
LOW_PRECISION_SHARE = 0.2
"""… and in 16 bits, as a share of what another beginning of the prompt would change."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Which token comes next?"""

    ids: tuple[int, ...]
    tokens: tuple[int, ...]
    """The tokens in question."""
    whole: bool = False
    """Whether their probabilities are those among the whole vocabulary, rather than among themselves."""


@dataclass(slots=True)
class Reply:
    """What was found, or why nothing was."""

    log_probs: np.ndarray | None = None
    """``(len(tokens),)``."""
    reason: str | None = None
    computed: int = 0
    """How many tokens were computed for it."""


@dataclass(slots=True)
class _Row:
    """A distinct sequence of tokens, and all that is asked of its end."""

    ids: np.ndarray
    asks: list[int] = field(default_factory=list)
    tokens: dict[int, int] = field(default_factory=dict)
    """Token → place among the row's scores."""
    whole: bool = False
    scores: np.ndarray | None = None
    total: float = 0.0
    reason: str | None = None
    computed: int = 0


class Forward:
    """Computes prompts on a model.

    Args:
        model: a causal language model of transformers, in place and in evaluation mode.
        rows: prompts in a batch, at most.
        memory_bytes: for keys and values; ``None`` chooses.
    """

    def __init__(self, model: Any, rows: int = ROWS, memory_bytes: int | None = None):
        self._model = model
        self._rows = rows
        self._gpu = model.device.type == "cuda"
        self._tokens = GPU_TOKENS if self._gpu else PROCESSOR_TOKENS
        self._memory = memory_bytes if memory_bytes is not None else self._free_bytes()
        self._token_bytes = 1
        self._takes = set(signature(model.forward).parameters)
        self._readout = Readout(model)
        self.kept = PrefixCache(self._memory // 4)
        self.way: Way = "alone"
        self._choose_way()

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """One reply each, in the same order. What cannot be computed says why."""
        import torch

        rows: dict[tuple[int, ...], _Row] = {}
        for number, ask in enumerate(asks):
            row = rows.setdefault(ask.ids, _Row(np.array(ask.ids, np.int64)))
            row.asks.append(number)
            row.whole |= ask.whole
            for token in ask.tokens:
                row.tokens.setdefault(token, len(row.tokens))
        with torch.inference_mode():
            if self.way == "reuse":
                self._with_reuse(list(rows.values()))
            else:
                paths = [Path(number, 0, len(row.ids)) for number, row in enumerate(rows.values())]
                for batch in self._batches(paths):
                    self._guarded(batch, list(rows.values()), {})
        return [_reply(rows[ask.ids], ask, first=rows[ask.ids].asks[0] == number) for number, ask in enumerate(asks)]

    def _with_reuse(self, rows: list[_Row]) -> None:
        """Computes a tree of prompts for each one that was kept and begins like some of them."""
        bases: dict[int, tuple[Any, list[int]]] = {}
        for number, row in enumerate(rows):
            kept = self.kept.best(row.ids)
            bases.setdefault(id(kept), (kept, []))[1].append(number)
        for kept, members in bases.values():
            root = tree([rows[i].ids for i in members], kept.ids if kept is not None else None)
            segments = {}
            if kept is not None:
                self.kept.touch(kept)
                segments[id(root)] = kept.segment
            foremost = max(root.leaves, key=_size)
            self._down([(leaf, root) for leaf in root.leaves], [rows[i] for i in members], segments, foremost)
            if id(foremost) in segments:
                self.kept.keep(rows[members[foremost.sequence]].ids, segments[id(foremost)])

    def _down(self, paths: list[tuple[Path, Path]], rows: list[_Row], segments: dict[int, Segment], foremost: Path) -> None:
        """Computes paths, then those that leave them; what nobody needs any more is let go."""
        parents = {id(path): parent for path, parent in paths}
        for batch in self._batches([path for path, _ in paths]):
            before = {id(path): segments.get(id(parents[id(path)])) for path in batch}
            made = self._guarded(batch, rows, before, foremost)
            segments.update(made)
            below = [(leaf, path) for path in batch for leaf in path.leaves]
            lost = [leaf for leaf, path in below if id(path) not in made]
            self._give_up(lost, rows)
            self._down([(leaf, path) for leaf, path in below if id(path) in made], rows, segments, foremost)
            for path in batch:
                if path is not foremost:
                    segments.pop(id(path), None)

    def _give_up(self, paths: list[Path], rows: list[_Row]) -> None:
        """What leaves a path that could not be computed cannot be either."""
        for path in paths:
            rows[path.sequence].reason = "what it begins with could not be computed"
            self._give_up(path.leaves, rows)

    def _batches(self, paths: list[Path]) -> Iterator[list[Path]]:
        """Paths in groups of similar length that fit into memory."""
        batch: list[Path] = []
        for path in sorted(paths, key=lambda path: (path.end - path.start, path.start)):
            new = path.end - path.start
            if batch:
                wide = (len(batch) + 1) * (max(max(other.start for other in batch), path.start) + new) * self._token_bytes * 2
                shortest = batch[0].end - batch[0].start
                full = len(batch) >= self._rows or (len(batch) + 1) * new > self._tokens or wide > self._memory // 2
                if full or self.way == "alone" or new > 2 * shortest + 16:
                    yield batch
                    batch = []
            batch.append(path)
        if batch:
            yield batch

    def _guarded(
        self, batch: list[Path], rows: list[_Row], before: dict[int, Segment | None], foremost: Path | None = None
    ) -> dict[int, Segment]:
        """Computes a batch; if memory does not hold it, by halves. Returns keys and values of the paths whose somebody needs."""
        try:
            return self._compute(batch, rows, before, foremost)
        except Exception as error:  # whatever a foreign architecture raises
            reason = f"the model failed: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
            short = isinstance(error, MemoryError) or "memory" in str(error).lower()
        if short and self._gpu:
            import torch

            torch.cuda.empty_cache()
        if short and len(batch) > 1:
            self._rows = max(1, len(batch) // 2)
            halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
            return self._guarded(halves[0], rows, before, foremost) | self._guarded(halves[1], rows, before, foremost)
        for path in batch:
            rows[path.sequence].reason = "too little memory for the prompt: shorten the history, or pass device='cpu'" if short else reason
        return {}

    def _compute(self, batch: list[Path], rows: list[_Row], before: dict[int, Segment | None], foremost: Path | None) -> dict[int, Segment]:
        """Computes the new tokens of a batch, ``(B, S)`` after ``(B, P)``, and reads the scores at their ends."""
        import torch

        device, reuse = self._model.device, self.way == "reuse"
        tokens = sorted({token for path in batch for token in rows[path.sequence].tokens})
        starts = np.array([path.start for path in batch])
        lengths = np.array([path.end for path in batch]) - starts
        longest, past = int(lengths.max()), int(starts.max())
        ids, mask = np.zeros((len(batch), longest), np.int64), np.zeros((len(batch), past + longest), np.int64)
        for row, path in enumerate(batch):
            ids[row, : lengths[row]] = rows[path.sequence].ids[path.start : path.end]
            mask[row, past - path.start : past + lengths[row]] = 1
        positions = starts[:, None] + np.minimum(np.arange(longest), lengths[:, None] - 1)
        cache = self._cache([(before[id(path)], path.start) for path in batch]) if reuse else None
        step = longest if len(batch) > 1 or not reuse else self._tokens
        for begin in range(0, longest, step):
            end = min(begin + step, longest)
            given = {"input_ids": ids[:, begin:end], "attention_mask": mask[:, : past + end], "position_ids": positions[:, begin:end]}
            given = {name: torch.from_numpy(value).to(device) for name, value in given.items() if name in self._takes}
            given |= {"use_cache": reuse} | ({"past_key_values": cache} if reuse else {})
            last = torch.from_numpy(np.minimum(lengths - 1, end - 1) - begin).to(device)
            whole = any(rows[path.sequence].whole for path in batch)
            scores, totals = self._readout.read(lambda: self._model(**given), last, torch.tensor(tokens, device=device), whole)  # noqa: B023
        place = {token: i for i, token in enumerate(tokens)}
        scores, totals = scores.cpu().numpy(), totals.cpu().numpy() if totals is not None else np.zeros(len(batch))
        for i, path in enumerate(batch):
            row = rows[path.sequence]
            row.scores, row.total = scores[i, [place[token] for token in row.tokens]], float(totals[i])
            row.computed = int(lengths[i])
        return self._segments(batch, cache, before, past, foremost) if reuse else {}

    def _cache(self, rows: list[tuple[Segment | None, int]]) -> Any:
        """A cache that holds what goes before the rows of a batch."""
        from transformers import DynamicCache

        cache = DynamicCache()
        if any(end for _, end in rows):
            for layer, (keys, values) in enumerate(together(rows)):
                cache.update(keys, values, layer)
        return cache

    def _segments(
        self, batch: list[Path], cache: Any, before: dict[int, Segment | None], past: int, foremost: Path | None
    ) -> dict[int, Segment]:
        """Keys and values of the paths that others leave, as far as those go along with them."""
        layers, made = _layers(cache), {}
        self._token_bytes = sum(tensor[0, :, :1].numel() * tensor.element_size() for pair in layers for tensor in pair)
        for row, path in enumerate(batch):
            needed = path.end if path is foremost else path.needed
            count = max(needed - path.start, 0)
            if path.leaves or path is foremost:
                own: Layers = [tuple(tensor[row, :, past : past + count].clone() for tensor in pair) for pair in layers]
                made[id(path)] = Segment(path.start, own, before[id(path)])
        return made

    def _free_bytes(self) -> int:
        if not self._gpu:
            return PROCESSOR_BYTES
        import torch

        return int(torch.cuda.mem_get_info(self._model.device)[0] * GPU_SHARE)

    def _choose_way(self) -> None:
        """The first way that leaves the answers as they are. Tried on tokens at random, beyond a sliding window where it is short."""
        import torch

        config = self._model.config
        config = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
        random, window = np.random.default_rng(1), getattr(config, "sliding_window", None) or 0
        length = 24 + (window if isinstance(window, int) and window <= 512 else 0)
        trunk = random.integers(0, config.vocab_size, length)
        other = np.concatenate([random.integers(0, config.vocab_size, length - 4), trunk[-4:]])
        trials = [
            trunk,
            *(np.concatenate([trunk[: length // part], random.integers(0, config.vocab_size, part + 3)]) for part in (2, 3, 4)),
        ]
        tokens = tuple(range(min(config.vocab_size, 64)))
        with torch.inference_mode():
            plain = [self._plainly(ids, tokens) for ids in trials]
            effect = np.abs(self._plainly(other, tokens) - plain[0]).max()
        exact = self._model.dtype == torch.float32
        allowed = TOLERANCE if exact else max(TOLERANCE, LOW_PRECISION_SHARE * effect)
        for hooked in (True, False):
            self._readout = Readout(self._model, hooked)
            for self.way in ("reuse", "whole", "alone"):
                if self._agrees(trials, tokens, plain, allowed):
                    return

    def _agrees(self, trials: list[np.ndarray], tokens: tuple[int, ...], plain: list[np.ndarray], allowed: float) -> bool:
        """Whether this way gives the same answers: all at once, and again with what was kept."""
        self.kept.clear()
        asks = [Ask(tuple(ids.tolist()), tokens) for ids in trials]
        replies = [*self.ask(asks), *self.ask(asks[::-1])[::-1]]
        self.kept.clear()
        return all(r.log_probs is not None and np.abs(r.log_probs - p).max() <= allowed for r, p in zip(replies, [*plain, *plain]))

    def _plainly(self, ids: np.ndarray, tokens: tuple[int, ...]) -> np.ndarray:
        """What the model says if it is simply called."""
        import torch

        scores = self._model(input_ids=torch.from_numpy(ids[None]).to(self._model.device)).logits[0, -1].float()
        return torch.log_softmax(scores[list(tokens)], -1).cpu().numpy()


def _reply(row: _Row, ask: Ask, first: bool) -> Reply:
    if row.scores is None or row.reason is not None:
        return Reply(reason=row.reason or "it was not computed")
    scores = row.scores[[row.tokens[token] for token in ask.tokens]].astype(np.float64)
    if not np.isfinite(scores).all():
        return Reply(reason=f"{NOT_FINITE}: try ?dtype=float32", computed=row.computed if first else 0)
    log_probs = scores - (row.total if ask.whole else np.logaddexp.reduce(scores))
    return Reply(log_probs, None, row.computed if first else 0)


def _size(path: Path) -> tuple[int, int]:
    """How many prompts lie on a path and those that leave it; then its length."""
    return 1 + sum(_size(leaf)[0] for leaf in path.leaves), path.end


def _layers(cache: Any) -> Layers:
    """Keys and values ``(B, H, T, D)`` of each layer that has some; transformers before 4.54 kept them in two lists."""
    if hasattr(cache, "layers"):
        return [(layer.keys, layer.values) for layer in cache.layers]
    return list(zip(cache.key_cache, cache.value_cache))
