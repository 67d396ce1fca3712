"""convemo listens to a conversation as a conversation.

>>> from convemo import Analyzer
>>> for utterance in Analyzer().analyze("meeting.wav"):  # doctest: +SKIP
...     print(utterance.speaker, utterance.text, utterance.label, utterance.confidence)

Importing convemo does nothing else: every name below is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Analyzer": "pipeline",
    "AnalyzerConfig": "config",
    "Analysis": "results",
    "Policy": "policy",
    "Limits": "limits",
    **dict.fromkeys(("Dialogue", "Utterance", "Speaker", "Word", "Transcript", "TranscriptSegment"), "types"),
    **dict.fromkeys(("Diarization", "Turn", "Recording", "Evidence", "LabelSet", "ChannelResult", "LABELS"), "types"),
    **dict.fromkeys(("ConvemoError", "AudioError", "LimitExceeded", "TranscriptError", "ConfigError"), "errors"),
    **dict.fromkeys(("UnknownEngine", "EngineUnavailable", "EngineFailed", "DataError"), "errors"),
    "ResultError": "errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from convemo.config import AnalyzerConfig as AnalyzerConfig
    from convemo.pipeline import Analyzer as Analyzer
    from convemo.policy import Policy as Policy
    from convemo.results import Analysis as Analysis


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'convemo' has no attribute {name!r}")
    value = getattr(import_module(f"convemo.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
