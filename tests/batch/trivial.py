"""An analyzer without engines, so that what is tested is the batch; and the transcripts that it reads."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from convemo import Analysis, ChannelResult, LabelSet
from convemo.batch.work import Setup
from convemo.dialogue.align import align
from convemo.dialogue.roles import assign_roles
from convemo.readers import read_transcript
from convemo.types import ModelInfo, Recording, Transcript

NAME = "tests.batch.trivial:Trivial"
LABELS = LabelSet(("neutral", "joy", "anger"))
LOG = "CONVEMO_TEST_LOG"
"""Names a file to which each analysis adds a line, so that a test sees what was done twice."""


class Trivial:
    """Angry is who shouts, joyful is who says thanks. Some words make it misbehave."""

    def __init__(self, setup: Setup):
        self.config = setup.config

    def load(self) -> None: ...

    def analyze_file(self, sound, said, *, id, conversation=None, sound_sha256=None, said_sha256=None) -> Analysis:
        if path := os.environ.get(LOG):
            with open(path, "a") as file:
                file.write(f"{id}\n")
        if said is None:
            said = Transcript(())
        if not isinstance(said, Transcript):
            said = read_transcript(said, conversation=conversation)
        dialogue = assign_roles(align(said, id=id), self.config.roles)
        text = " ".join(u.text or "" for u in dialogue)
        if "CRASH" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "BREAK" in text:
            raise RuntimeError(f"these are words of the conversation: {text}")
        if "SLEEP" in text:
            time.sleep(0.3)
        p = np.array([[0.1, 0.1, 0.8] if "!" in u.text else [0.1, 0.8, 0.1] if "hanks" in u.text else [0.8, 0.1, 0.1] for u in dialogue])
        result = ChannelResult(
            "text", LABELS, np.log(p).reshape(len(dialogue), 3), (None,) * len(dialogue), model=ModelInfo("trivial"), calibrated=True
        )
        recording = None if sound is None else Recording(sound, sound_sha256 or "", 60.0, 1, 16_000)
        return Analysis(dialogue, {"text": result}, recording=recording, provenance={"convemo": "test"})


def write_calls(folder: Path, count: int, utterances: int = 4) -> Path:
    """So many transcripts, each of its own words."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        lines = [
            f"{('Agent Ana', 'Customer Ben')[k % 2]}: This is line {k} of call {number}{'!' * (k % 3 == 1)}" for k in range(utterances)
        ]
        (folder / f"call{number:03d}.txt").write_text("\n".join(lines) + "\n")
    return folder
