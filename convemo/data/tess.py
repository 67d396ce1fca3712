"""TESS, the Toronto emotional speech set: two actresses, of 26 and 64 years, say 200 words in seven emotions, 2,800 clips.

M. K. Pichora-Fuller and K. Dupuis, "Toronto emotional speech set (TESS)", 2020, https://doi.org/10.5683/SP2/E8H2MF. CC BY-NC-ND 4.0.

Layout: ``OAF_back_angry.wav`` … ``YAF_youth_ps.wav``, in folders of any name (most copies have ``OAF_angry`` …) or in none. ``OAF`` is
the older actress, ``YAF`` the younger, ``ps`` pleasant surprise.
"""

from __future__ import annotations

import re
from pathlib import Path

from convemo.data import check_split, split_by_hash
from convemo.data.clips import by_speaker, find_clips
from convemo.data.mappings import TESS
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "https://doi.org/10.5683/SP2/E8H2MF"
# One clip of the release is named OA_bite_neutral.
_NAME = re.compile(r"(?P<actress>OAF?|YAF)_(?P<word>\w+)_(?P<emotion>[a-z]+)")


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actress, in the order of the file names; labels mapped by `mappings.TESS`.

    Args:
        root: the folder that holds the clips or their folders.
        split: ``"test"`` is the older actress. There is no third voice, so ``"dev"`` is a fifth of the younger one's words (by
            `split_by_hash`) and ``"train"`` the others: it tells words apart, not voices. ``None`` for all.

    Raises:
        DataError: no clips there, or a file name that is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    clips = find_clips(Path(root))
    if not clips:
        raise DataError(root, "clips such as OAF_back_angry.wav", "none", f"Get them from {SOURCE}.")
    utterances = []
    for name in sorted(clips):
        match = _NAME.fullmatch(name)
        if match is None or match["emotion"] not in TESS:
            raise DataError(clips[name], "a name such as OAF_back_angry, of a known emotion", name)
        actress, word = "YAF" if match["actress"] == "YAF" else "OAF", match["word"]
        part = "test" if actress == "OAF" else split_by_hash(word, dev_percent=20, test_percent=0)
        if split in (None, part):
            text, label = f"Say the word {word}.", TESS[match["emotion"]]
            utterances.append(Utterance(f"tess-{name}", f"tess-{actress}", text, label=label, audio=str(clips[name])))
    return by_speaker(utterances, "en", {"tess-OAF": "female", "tess-YAF": "female"})
