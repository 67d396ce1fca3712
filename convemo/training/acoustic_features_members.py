"""Several trainings, each without a part of the training dialogues: their mean, and what each says of the part that it left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from convemo.acoustic.numbers_model import NumbersConfig, NumbersModel
from convemo.training import acoustic_features_fit as fit
from convemo.training.acoustic_features import FeaturesConfig
from convemo.training.acoustic_features_data import Part
from convemo.training.run import RunLog


@dataclass(frozen=True)
class Members:
    """What was trained."""

    scorers: Sequence[fit.Scorer]
    networks: Sequence[NumbersModel]
    """Theirs, if these are networks."""
    left_out: np.ndarray | None
    """``(M, K)``: of each labelled training utterance the probabilities by the member that left it out; ``None`` with one member."""

    def score(self, part: Part) -> list[np.ndarray]:
        """The mean probabilities of all members, ``(N, K)`` a dialogue."""
        each = [scorer(part) for scorer in self.scorers]
        return [np.mean(rows, axis=0) for rows in zip(*each, strict=True)]


def train_members(train: Part, dev: Part, labels: int, settings: FeaturesConfig, out: Path, log: RunLog) -> Members:
    """Trains them one after the other; one whose checkpoint is there is not trained again."""
    torch.set_num_threads(settings.threads)
    fold_of = np.random.default_rng(settings.seed).permutation(len(train)) % settings.members
    left_out = [np.full((len(known), labels), np.nan) for known in train.labels]
    scorers, networks = [], []
    for member in range(settings.members):
        alone = settings.members == 1
        kept = np.flatnonzero(fold_of != member) if not alone else np.arange(len(train))
        mine = train.subset(kept)
        seed = 1000 * settings.seed + member
        if settings.model == "transformer":
            network = _network(mine, dev, labels, settings, seed, out / f"member-{member + 1}.pt", log, member)
            networks.append(network)
            scorer = lambda part, network=network: fit.score(network, part)  # noqa: E731
        elif settings.model == "gradient-boosting":
            scorer = fit.boosting(mine, labels, seed)
        else:
            scorer = fit.support_vectors(mine, dev, labels, seed)
        scorers.append(scorer)
        log.progress("train acoustic", member + 1, settings.members)
        if not alone:
            others = np.flatnonzero(fold_of == member)
            for i, rows in zip(others, scorer(train.subset(others)), strict=True):
                left_out[i] = rows
    return Members(scorers, networks, train.pick(left_out) if settings.members > 1 else None)


def _network(
    train: Part, dev: Part, labels: int, settings: FeaturesConfig, seed: int, path: Path, log: RunLog, member: int
) -> NumbersModel:
    if path.is_file():
        columns = train.numbers[0].values.shape[1]
        network = NumbersModel(NumbersConfig(columns, labels, **settings.network.model_dump()))
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()

    def watch(epoch: int, loss: float, nll: float) -> None:
        log.write("epoch", member=member + 1, epoch=epoch, loss=loss, dev_nll=nll)

    network = fit.network(train, dev, labels, settings, seed, watch)
    part = path.with_suffix(".part")
    torch.save(network.state_dict(), part)
    part.replace(path)
    return network
