"""How a voice sounds, in numbers with names and units, for people to read, compare and export.

`describe` measures one utterance, `VoiceHistory` compares it with the same speaker's earlier ones, `in_words` puts that in a sentence;
`MEASURES` lists all numbers. What they are made of: `f0`, `voice_quality` (on the marks of `periods`), `formants`, `spectrum`, `rate`.
The acoustic channel hears none of it, but what `convemo.features.extract` gives.
"""

from convemo.features.voice.description import describe
from convemo.features.voice.deviation import VoiceHistory, in_words, levels
from convemo.features.voice.measures import MEASURES, NAMES, Measure

__all__ = ["MEASURES", "NAMES", "Measure", "VoiceHistory", "describe", "in_words", "levels"]
