"""Under which conditions channels are asked: how the words were transcribed, what line the voices came through, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from convemo.dialogue.channel import Channel
from convemo.evaluation import degrade_audio, degrade_speakers, degrade_text, missing
from convemo.evaluation.degrade_audio import AudioCondition
from convemo.evaluation.degrade_speakers import SpeakerCondition
from convemo.evaluation.degrade_text import TextCondition
from convemo.evaluation.missing import MissingCondition
from convemo.scoring import Predictions, Scored
from convemo.scoring.score import listens
from convemo.scoring.sound import Heard, hear
from convemo.types import Dialogue


@dataclass(frozen=True)
class Conditions:
    """How data reach the channels; as they are by default.

    >>> Conditions.parse(text="raw", missing="acoustic=0.5").described
    {'text': 'raw', 'audio': 'none', 'missing': 'acoustic=0.5', 'speakers': 'none'}
    """

    text: TextCondition = field(default_factory=TextCondition)
    audio: AudioCondition = field(default_factory=AudioCondition)
    missing: MissingCondition = field(default_factory=MissingCondition)
    speakers: SpeakerCondition = field(default_factory=SpeakerCondition)
    seed: int = 0
    """Of whatever is drawn."""

    @classmethod
    def parse(
        cls, text: str | None = None, audio: str | None = None, missing: str | None = None, speakers: str | None = None, seed: int = 0
    ) -> Conditions:
        """From how they are written on the command line.

        Raises:
            ConfigError: one of them is not of its form.
        """
        return cls(
            TextCondition.parse(text or "punctuated"),
            AudioCondition.parse(audio or "none"),
            MissingCondition.parse(missing or "none"),
            SpeakerCondition.parse(speakers or "none"),
            seed,
        )

    @property
    def described(self) -> dict[str, str]:
        """As results.json has them."""
        return {name: str(getattr(self, name)) for name in ("text", "audio", "missing", "speakers")}

    @property
    def complete(self) -> Conditions:
        """The same with nothing missing: a fusion learns from all channels, whatever it must do without later."""
        return replace(self, missing=MissingCondition())

    @property
    def inputs(self) -> Conditions:
        """What scores depend on: where all of a channel is missing there is nothing to ask it, and the others do not read its input."""
        return replace(self, missing=MissingCondition({name: share for name, share in self.missing.shares.items() if share < 1}))

    def reaching(self, channel: Channel) -> Conditions:
        """Those of them that a channel can notice: what is only read does not sound worse on the telephone. Under conditions that are the
        same for a channel it says the same."""
        if isinstance(channel, Predictions):
            return Conditions(seed=self.seed)
        if not listens(channel):
            return replace(self, audio=AudioCondition(), missing=self.missing.only("text"))
        if channel.name == "acoustic":
            return replace(self, text=TextCondition(), missing=self.missing.only("acoustic"))
        return self

    def apply(self, dialogues: Sequence[Dialogue]) -> tuple[Dialogue, ...]:
        """The dialogues as channels get them, their sound aside, which `hear` makes. References and ids stay."""
        dialogues = missing.degrade(dialogues, self.missing, self.seed)
        dialogues = degrade_text.degrade(dialogues, self.text, self.seed)
        return degrade_speakers.degrade(dialogues, self.speakers, self.seed)

    def hear(self, dialogue: Dialogue) -> Heard:
        """The dialogue's sound, see `convemo.scoring.hear`."""
        if self.audio.clean:
            return hear(dialogue)
        return hear(dialogue, lambda samples, u: degrade_audio.degrade(samples, self.audio, dialogue.id, u.id, self.seed))

    def withhold(self, scored: Scored) -> Scored:
        """Without the scores of what is missing, from channels that `apply` takes nothing from: predictions on disk."""
        results = {name: missing.withhold(r, name, scored.dialogue, self.missing, self.seed) for name, r in scored.results.items()}
        return replace(scored, results=results)

    def __hash__(self) -> int:
        return hash((*self.described.values(), self.seed))
