"""Languages as transcript files name them."""

from __future__ import annotations

import re

# OpenAI's transcription API writes names where Whisper itself writes codes; the most spoken of Whisper's languages.
_NAMES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "polish": "pl",
    "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv", "thai": "th", "turkish": "tr",
    "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
}  # fmt: skip


def language_code(name: str | None) -> str | None:
    """The ISO 639 code of a language tag or an English language name, ``None`` if it is neither.

    >>> language_code("en-US"), language_code("english"), language_code("?")
    ('en', 'en', None)
    """
    name = (name or "").strip().casefold()
    match = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9-_]{1,20})?", name)
    return match[1] if match else _NAMES.get(name)
