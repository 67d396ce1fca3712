r"""How far a channel is heard where its material is poor: a word of 0.3 s in a noisy car says little, however sure the network is.

.. math:: g_c = \mathrm{clip}\Bigl(\exp\bigl(\textstyle\sum_q \theta_{c,q}\, \varphi_q\bigr),\, 0.1,\, 1.5\Bigr), \qquad \theta \ge 0

multiplies the channel's weight in the pool. The :math:`\varphi_q` are the numbers of `types.Evidence`, turned so that more is better and
0 is what good material has (`QUALITY`); where nothing is known they are 0 too, so a chat without sound is treated as a good transcript.
Since :math:`\theta \ge 0`, better material never counts for less. The idea is that of audio-visual speech recognition, whose stream
exponents follow reliability indicators (Garg et al. 2003, doi:10.1109/ICASSP.2003.1198707, with a sigmoid for our exponential).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from convemo.results import Weighting
from convemo.types import Dialogue, Evidence

LEAST, MOST = 0.1, 1.5
"""Bounds of a factor: no material silences a channel, and none makes it shout."""

QUALITY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "speech_s": lambda x: np.log2(np.clip(x, 0.25, 4.0) / 2.0),  # 0 at 2 s, 1 for each doubling
    "snr_db": lambda x: (np.clip(x, -5.0, 30.0) - 20.0) / 10.0,  # 0 at 20 dB, 1 for each 10 dB
    "overlap": lambda x: -np.clip(x, 0.0, 1.0),  # 0 where nobody else speaks, -1 where somebody does all the time
    "clipping": lambda x: -np.clip(x, 0.0, 0.05) / 0.05,  # 0 without, -1 where every twentieth sample is clipped
    "asr_confidence": lambda x: (np.clip(x, 0.3, 1.0) - 0.9) / 0.2,  # 0 at 0.9, -1 at 0.7
    "speaker_confidence": lambda x: np.clip(x, 0.0, 1.0) - 1.0,  # 0 where all words lie in the speaker's turns
    "bandwidth_hz": lambda x: np.log2(np.clip(x, 3500.0, 8000.0) / 8000.0),  # 0 at 8 kHz, about -1 for a telephone
}
"""Each quantity of `types.Evidence` → what the gate sees of it."""

_TOLD: dict[str, Callable[[float], str]] = {
    "speech_s": lambda x: f"{x:.1f} s of speech",
    "snr_db": lambda x: f"{x:.0f} dB SNR",
    "overlap": lambda x: f"{x:.0%} overlapped",
    "clipping": lambda x: f"{x:.1%} clipped",
    "asr_confidence": lambda x: f"ASR confidence {x:.2f}",
    "speaker_confidence": lambda x: f"speaker confidence {x:.2f}",
    "bandwidth_hz": lambda x: f"{x / 1000:g} kHz bandwidth",
}
_WORTH_TELLING = 0.1  # natural log: what moves the factor by less than a tenth is no reason


def qualities(dialogue: Dialogue) -> np.ndarray:
    """``(N, Q)``: the evidence of every utterance as the gates see it, in the order of `QUALITY`, 0 where it is not known.

    >>> from convemo.types import Speaker, Utterance
    >>> d = Dialogue("d", (Utterance("u", "ana", evidence=Evidence(speech_s=0.5, snr_db=10.0)),), (Speaker("ana"),))
    >>> qualities(d)[0, :3].tolist()
    [-2.0, -1.0, 0.0]
    """
    columns = []
    for name, quality in QUALITY.items():
        known = np.array([np.nan if (value := getattr(u.evidence, name)) is None else value for u in dialogue], dtype=float)
        columns.append(np.nan_to_num(quality(known)))
    return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class Gate:
    """How one channel's weight follows its evidence.

    >>> Gate({"snr_db": 0.5}).factors(np.array([[0.0, -2.0, 0, 0, 0, 0, 0]])).round(3).tolist()
    [0.368]
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    """Quantity → :math:`\\theta`, not below 0; what is not named does not count."""

    def exponent(self, qualities: np.ndarray) -> np.ndarray:
        """``(N,)`` natural logarithm of the factor, before the bounds, from `qualities` ``(N, Q)``."""
        return qualities @ np.array([self.weights.get(name, 0.0) for name in QUALITY])

    def factors(self, qualities: np.ndarray) -> np.ndarray:
        """``(N,)`` what multiplies the channel's weight, in ``[0.1, 1.5]``; 1 where no evidence speaks."""
        return np.clip(np.exp(self.exponent(qualities)), LEAST, MOST)

    def weighting(self, evidence: Evidence, qualities: np.ndarray) -> Weighting | None:
        """The factor of one utterance, from its ``(Q,)`` `qualities`, and the reasons for it, strongest first; ``None`` if it is 1."""
        factor = round(float(self.factors(qualities)), 2)
        if factor == 1:
            return None
        pulls = {name: weight * qualities[list(QUALITY).index(name)] for name, weight in self.weights.items()}
        sign = 1 if factor > 1 else -1
        told = sorted((name for name, pull in pulls.items() if sign * pull >= _WORTH_TELLING), key=lambda name: -sign * pulls[name])
        return Weighting(factor, tuple(_TOLD[name](getattr(evidence, name)) for name in told))
