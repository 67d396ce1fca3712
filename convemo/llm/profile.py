"""How somebody has talked so far in a conversation, in one line: what is usual for them, without anything from later."""

from __future__ import annotations

from collections import Counter

from convemo.types import Speaker, Utterance

FEWEST = 2
"""Utterances of a speaker before there is anything to tell."""


class Profiles:
    """What each speaker has said so far, counted. Causal: `tell` before `add`.

    >>> profiles, ana = Profiles(), Speaker("ana", role="customer")
    >>> for text in ("Is anybody there?", "I have called twice."):
    ...     profiles.add(Utterance("u", "ana", text))
    >>> profiles.tell(ana, 1)
    'S1 (customer) so far: 2 utterances of 4 words on average, 100 % of all words, 50 % questions, 0 % exclamations.'
    """

    def __init__(self):
        self._utterances, self._words = Counter(), Counter()
        self._questions, self._exclamations = Counter(), Counter()

    def add(self, utterance: Utterance) -> None:
        """Counts an utterance: after it was asked about, never before."""
        text, who = (utterance.text or "").strip(), utterance.speaker
        if not text:
            return
        self._utterances[who] += 1
        self._words[who] += len(text.split())
        self._questions[who] += "?" in text
        self._exclamations[who] += "!" in text

    def tell(self, speaker: Speaker, number: int) -> str:
        """One line on a speaker; empty while too little has been heard.

        Args:
            speaker: of whom.
            number: what the prompt calls them: 2 is ``S2``.
        """
        count = self._utterances[speaker.id]
        if count < FEWEST:
            return ""
        words = self._words[speaker.id]
        return (
            f"S{number}{f' ({speaker.role})' if speaker.role else ''} so far: {count} utterances "
            f"of {round(words / count)} words on average, {_percent(words, self._words.total())} of all words, "
            f"{_percent(self._questions[speaker.id], count)} questions, "
            f"{_percent(self._exclamations[speaker.id], count)} exclamations."
        )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.0f} %"
