import numpy as np

from convemo.asr.channels import transcribe_channels
from convemo.audio import Audio
from convemo.types import Diarization, Speaker, Transcript, TranscriptSegment, Turn


class Listener:
    """Says who it heard when, in Dutch; where it is left to itself with a few words it takes them for German."""

    id = "listener"

    def __init__(self):
        self.told = []

    def transcribe(self, audio, progress=None, language=None):
        self.told.append(language)
        few = abs(float(audio.read(0.0, 0.1).max())) < 0.3
        text, start = ("Ja.", 2.0) if few else ("Goedemorgen.", 1.0)
        return Transcript((TranscriptSegment(text, start, start + 1),), language=language or ("de" if few else "nl"))


def test_the_channel_with_most_speech_settles_the_language_and_the_speakers_keep_their_order():
    audio = Audio.from_array(np.stack([np.full(64000, 0.1), np.full(64000, 0.5)], axis=1).astype(np.float32), 16000)
    speakers = (Speaker("customer", channel=0), Speaker("agent", channel=1))
    engine = Listener()
    said = transcribe_channels(engine, audio, Diarization((Turn(2.0, 2.5, "customer"), Turn(0.0, 2.0, "agent")), speakers))
    assert engine.told == [None, "nl"] and said.language == "nl"
    assert [(s.speaker, s.text) for s in said.segments] == [("agent", "Goedemorgen."), ("customer", "Ja.")]
    assert said.speakers == speakers
