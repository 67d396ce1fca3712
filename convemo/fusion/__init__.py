"""Channels in, one calibrated opinion out: each is calibrated, all are pooled, and the conversation so far is taken into account.

    calibration   one channel's temperature
    gating        how far evidence lowers a channel's weight
    pool          weights for each pattern of available channels
    history       what was expressed before: a causal filter, a smoother
    conformal     prediction sets and abstention
    parameters    all of it as readable JSON
    fuse          the story: `Fusion.load().fuse(dialogue, channels)`
    fit           the parameters from labelled dialogues (examples: these as arrays; fit_pools: all but the history)

The recipe and how to read its output: docs/fusion.md.
"""

from convemo.fusion.fuse import Fused, Fusion

__all__ = ["Fused", "Fusion"]
