"""Scores of the next token, read off a causal language model at one place a row, and for the tokens in question alone.

A model would give scores of its whole vocabulary at every place, gigabytes of them, and in its own precision: near 20, bfloat16
knows steps of 0.125. Hooks on its last layer pass on just the places that are read, and compute the tokens in question in float32.
What the model does to the scores afterwards (Gemma's soft cap, Cohere's scale) is still done by the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Readout:
    """Reads scores off a model.

    Args:
        model: a causal language model of transformers.
        hooked: whether its last layer may be hooked; else scores of everything are made, and most are thrown away.
    """

    def __init__(self, model: Any, hooked: bool = True):
        import torch

        head = model.get_output_embeddings() if hooked else None
        self._head = head if isinstance(head, torch.nn.Module) else None
        # A layer with an adapter on it, or one in four bits, computes in its own way; its own is then taken.
        self._plain = type(head) is torch.nn.Linear and head.weight.is_floating_point()

    def read(self, run: Callable[[], Any], last: Any, tokens: Any, whole: bool) -> tuple[Any, Any]:
        """Runs the model and reads what it says of the next token.

        Args:
            run: runs it on a batch of `B` rows, and gives its output.
            last: ``(B,)``, where each row is read.
            tokens: ``(A,)``, the ids in question.
            whole: whether the sum over the whole vocabulary is asked for.

        Returns:
            Scores ``(B, A)``, and the logarithm of the summed exponentials of all scores ``(B,)``, or ``None``; float32.
        """
        import torch

        rows = torch.arange(len(last), device=last.device)
        if self._head is None:
            scores = run().logits[rows, last].float()  # (B, V)
        else:
            few = self._plain and not whole
            hooks = [self._head.register_forward_pre_hook(lambda _, given: (given[0][rows, last][None], *given[1:]))]  # (1, B, D)
            if few:
                hooks.append(self._head.register_forward_hook(lambda head, given, _: _scores_of(head, given[0], tokens)))
            try:
                scores = run().logits[0].float()  # (B, V), or (B, A)
            finally:
                for hook in hooks:
                    hook.remove()
            if few:
                return scores, None
        return scores[:, tokens], torch.logsumexp(scores, -1) if whole else None


def _scores_of(head: Any, hidden: Any, tokens: Any) -> Any:
    """Scores ``(1, B, A)`` of a few tokens, in float32."""
    from torch.nn import functional

    bias = None if head.bias is None else head.bias[tokens].float()
    return functional.linear(hidden.float(), head.weight[tokens].float(), bias)
