"""``acoustic="default"`` and ``"default:FOLDER"``: what is in the folder says what reads it."""

from __future__ import annotations

from convemo.acoustic.channel import AcousticChannel
from convemo.acoustic.numbers_channel import NumbersChannel, reads_numbers
from convemo.registry import Availability
from convemo.weights import read_manifest


class DefaultAcoustic:
    """Makes an `AcousticChannel`, which listens, or a `NumbersChannel`, for a model that was trained on features in place of sound.

    Args:
        argument: a model folder made by ``convemo train acoustic``; ``None`` is the one in this package.
        threads: processor threads of the network.

    Raises:
        EngineUnavailable: the folder is no model, or damaged, or onnxruntime is missing.
    """

    def __new__(cls, argument: str | None = None, *, threads: int | None = None) -> AcousticChannel | NumbersChannel:
        numbers = argument is not None and reads_numbers(read_manifest(argument))
        return (NumbersChannel if numbers else AcousticChannel)(argument, threads=threads)

    @staticmethod
    def availability(model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here, without loading anything heavy."""
        return AcousticChannel.availability(model, offline)
