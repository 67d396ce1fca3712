r"""What was expressed before says something about now: a causal filter over the conversation, and a smoother.

For an utterance of one speaker, with :math:`p_\mathrm{own}` the fused posterior of this speaker's last utterance and
:math:`p_\mathrm{other}` that of the last utterance of anybody else,

.. math:: \ln q(k) = \gamma \Bigl( s(k) + a \ln \frac{(p_\mathrm{own} T_\mathrm{own})_k}{\pi_k}
                     + b \ln \frac{(p_\mathrm{other} T_\mathrm{other})_k}{\pi_k} \Bigr) + \mathrm{const}

where :math:`s` is the pool, :math:`T` are transition matrices and :math:`\pi` how often each label occurs anyway. The division by
:math:`\pi` is what Bayes' rule asks for when the pool is a posterior: a history that tells nothing then changes nothing, so the first
utterance, a rare label and a label that the transitions have never seen are all treated alike. With one speaker, :math:`a = \gamma = 1`
this is the forward pass of a hidden Markov model, and `smooth` its forward-backward pass (Rabiner 1989, doi:10.1109/5.18626).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convemo.fusion.loglinear import log_softmax


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """How labels follow each other: rows are the label before, columns the label now."""

    own: np.ndarray
    """``(K, K)`` from one utterance of a speaker to the same speaker's next; rows sum to 1."""
    other: np.ndarray
    """``(K, K)`` from the last utterance of another speaker; rows sum to 1."""
    stationary: np.ndarray
    """``(K,)`` how often each label occurs; all above 0, sums to 1."""

    @property
    def lifts(self) -> np.ndarray:
        """``(2, K, K)`` own and other: how much likelier a label (column) is after another (row) than it is anyway; 1 where unrelated."""
        return np.stack([self.own, self.other]) / self.stationary


@dataclass(frozen=True, slots=True)
class History:
    """The filter and the smoother, with the weights of what came before."""

    transitions: Transitions
    own: float
    """``a``: how much the same speaker's last utterance counts."""
    other: float
    """``b``: how much the other's last utterance counts."""
    sharpness: float = 1.0
    """One scalar on everything, since pool and history tell in part the same."""
    sharpness_smoothed: float = 1.0
    """The same where the future is used too."""

    @property
    def weights(self) -> np.ndarray:
        """``(2,)``: ``a`` and ``b``."""
        return np.array([self.own, self.other])

    def filter(
        self, pooled: np.ndarray, speakers: Sequence[str], scored: np.ndarray, lengths: Sequence[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row by row, each seeing only what came before. All it needs of the past is one posterior a speaker.

        Args:
            pooled: ``(N, K)`` logits of the pool.
            speakers: ``(N,)`` who speaks.
            scored: ``(N,)`` booleans: rows without a score are passed over and leave no trace.
            lengths: numbers of rows of the dialogues that lie one after the other, summing to ``N``; one dialogue if ``None``.

        Returns:
            ``(N, 2, K)`` what the own and the other's past say of each row, before their `weights`, and ``(N, K)`` log-posteriors. Both
            are 0 where nothing was scored.
        """
        return self._pass(pooled, speakers, scored, [len(pooled)] if lengths is None else lengths, backwards=False)

    def smooth(
        self, pooled: np.ndarray, speakers: Sequence[str], scored: np.ndarray, lengths: Sequence[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each row seeing past and future: the filter, and another that runs backwards from the end. As `filter` otherwise."""
        lengths = [len(pooled)] if lengths is None else lengths
        told = sum(self._pass(pooled, speakers, scored, lengths, backwards)[0] for backwards in (False, True))  # (N, 2, K)
        posteriors = log_softmax(self.sharpness_smoothed * (pooled + np.einsum("s,nsk->nk", self.weights, told)))
        return told, np.where(scored[:, None], posteriors, 0.0)

    def _pass(self, pooled, speakers, scored, lengths, backwards: bool) -> tuple[np.ndarray, np.ndarray]:
        """One sweep, all dialogues abreast: first the first utterance of each, then the second of each, and so on."""
        lifts = self.transitions.lifts
        if backwards:  # how well a label now explains the one that follows, instead of how likely it is to follow
            lifts = lifts.transpose(0, 2, 1)
        told = np.zeros((len(pooled), 2, pooled.shape[1]))
        posteriors = np.zeros(pooled.shape)
        before = _before(speakers, scored, lengths, backwards)  # (2, N)
        for rows in _abreast(scored, lengths, backwards):
            for kind in (0, 1):
                known = rows[before[kind, rows] >= 0]
                told[known, kind] = np.log(np.exp(posteriors[before[kind, known]]) @ lifts[kind])
            posteriors[rows] = log_softmax(self.sharpness * (pooled[rows] + self.own * told[rows, 0] + self.other * told[rows, 1]))
        return told, posteriors


def _before(speakers: Sequence[str], scored: np.ndarray, lengths: Sequence[int], backwards: bool) -> np.ndarray:
    """``(2, N)``: the row of the same speaker's last scored utterance and of anybody else's; -1 where there is none."""
    before = np.full((2, len(scored)), -1)
    for rows in np.split(np.arange(len(scored)), np.cumsum(lengths)[:-1]):
        last: dict[str, int] = {}  # the latest speaker stands last
        for row in rows[::-1] if backwards else rows:
            if scored[row]:
                speaker = speakers[row]
                before[0, row] = last.pop(speaker, -1)
                before[1, row] = next(reversed(last.values()), -1)
                last[speaker] = row
    return before


def _abreast(scored: np.ndarray, lengths: Sequence[int], backwards: bool) -> Iterator[np.ndarray]:
    """The scored rows at place 0, 1, 2 … of all dialogues at once."""
    starts, counts = np.cumsum([0, *lengths[:-1]]), np.asarray(lengths)
    for place in range(max(lengths, default=0)):
        there = counts > place
        rows = (starts + counts - 1 - place if backwards else starts + place)[there]
        yield rows[scored[rows]]


UNHEARD_SHARE = 0.02
"""The usual share that a label is given which the data do not know: without influence, since such a label's history says nothing."""


def estimate_transitions(conversations: Iterable[Sequence[tuple[str, int | None]]], classes: int, *, strength: float = 50.0) -> Transitions:
    r"""Transition matrices from label sequences.

    Rows are shrunk towards :math:`\lambda I + (1 - \lambda) \mathbf{1} \pi^\top`, where :math:`\lambda` is the share of repetitions beyond
    chance (as in Cohen's kappa). Of a label that never occurs nothing is known, so nothing is claimed: whether it is the label before or
    the label now, the history neither speaks for it nor against it.

    Args:
        conversations: each a sequence of (speaker, class index, or ``None`` where there is no label: such an utterance breaks the chain).
        classes: ``K``.
        strength: how many transitions' worth the prior holds in each row.

    Returns:
        Transitions, all entries above 0.

    >>> sticky = [[("ana", 0), ("ben", 1), ("ana", 0), ("ben", 1)]] * 100
    >>> estimate_transitions(sticky, classes=2).own.round(1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    counts, occurred = _count(conversations, classes)
    heard = occurred > 0
    if not heard.any():
        even = np.full((classes, classes), 1 / classes)
        return Transitions(even, even, even[0])
    unheard = UNHEARD_SHARE * (~heard).sum()
    stationary = np.where(heard, (1 - unheard) * occurred / occurred.sum(), UNHEARD_SHARE)
    matrices = []
    for kind in counts:
        matrix = np.tile(stationary, (classes, 1))
        among = np.ix_(heard, heard)
        matrix[among] = (1 - unheard) * _shrunk(kind[among], occurred[heard] / occurred.sum(), strength)
        matrices.append(matrix)
    return Transitions(*matrices, stationary)


def _count(conversations: Iterable[Sequence[tuple[str, int | None]]], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """``(2, K, K)`` how often a label followed another, from the same speaker and from another; ``(K,)`` how often it occurred."""
    counts, occurred = np.zeros((2, classes, classes)), np.zeros(classes)
    for conversation in conversations:
        last: dict[str, int | None] = {}  # the latest speaker stands last
        for speaker, label in conversation:
            own = last.pop(speaker, None)
            other = next(reversed(last.values()), None)
            last[speaker] = label
            if label is None:
                continue
            occurred[label] += 1
            for kind, before in enumerate((own, other)):
                if before is not None:
                    counts[kind, before, label] += 1
    return counts, occurred


def _shrunk(counts: np.ndarray, shares: np.ndarray, strength: float) -> np.ndarray:
    total = counts.sum()
    repeated = np.trace(counts) / total if total else 0.0
    chance = counts.sum(axis=1) @ counts.sum(axis=0) / total**2 if total else 0.0
    sticky = float(np.clip((repeated - chance) / max(1 - chance, 1e-9), 0.0, 0.9))
    prior = sticky * np.eye(len(shares)) + (1 - sticky) * shares
    return (counts + strength * prior) / (counts.sum(axis=1, keepdims=True) + strength)
