"""The running average of a model's weights (Polyak and Juditsky 1992, doi:10.1137/0330046): what is evaluated and kept in its place."""

from __future__ import annotations

import torch


def decay_at(step: int, longest: float) -> float:
    """How much of the average outlasts a step: young averages forget quickly, so that the beginning is soon gone.

    >>> decay_at(0, 0.999), decay_at(90, 0.999), decay_at(10**6, 0.999)
    (0.1, 0.91, 0.999)
    """
    return min(longest, (1 + step) / (10 + step))


@torch.no_grad()
def follow(average: torch.nn.Module, model: torch.nn.Module, step: int, longest: float) -> None:
    """Takes the weights of a step into the average; buffers, such as the batch norms' own running means, are the model's.

    >>> model, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    >>> with torch.no_grad():
    ...     model.weight.fill_(4.0), average.weight.fill_(0.0)
    (...)
    >>> follow(average, model, step=8, longest=0.999)
    >>> average.weight.item()
    2.0
    """
    for mean, parameter in zip(average.parameters(), model.parameters()):
        mean.lerp_(parameter, 1 - decay_at(step, longest))
    for mean, buffer in zip(average.buffers(), model.buffers()):
        mean.copy_(buffer)
