"""Channels on data sets: what a fusion is fitted on, and what is evaluated.

channels       a channel by its spec: a registered one, a model folder, or somebody's predictions on disk
predictions    predictions from a file as a channel like any other
sound          a dialogue's clips as one recording
labels         which labels data know, and a channel's scores over those
score          every channel on every dialogue
"""

from convemo.scoring.channels import open_channel
from convemo.scoring.predictions import Predictions
from convemo.scoring.score import Scored, score
from convemo.scoring.sound import hear

__all__ = ["Predictions", "Scored", "hear", "open_channel", "score"]
