"""How the labels of each data set become ours: one place, which says what is merged and what is dropped.

Everything that trains or evaluates goes through these, so a number means the same thing wherever it is printed.
An utterance whose label is dropped keeps its place in the dialogue (it is still history) and has ``label=None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from convemo.types import LABELS, LabelSet


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """What becomes of every label of one data set or model.

    >>> mapping = LabelMapping("toy", {"glad": "joy", "elated": "joy", "bored": None}, why="Nobody is bored here.")
    >>> mapping["glad"], mapping["bored"]
    ('joy', None)
    >>> mapping.dropped, mapping.merged
    (('bored',), {'joy': ('glad', 'elated')})
    """

    name: str
    labels: Mapping[str, str | None]
    """Their label → ours, or ``None`` where it is dropped."""
    why: str = ""
    """The reasons for what is not obvious."""
    label_set: LabelSet = LABELS
    """What it leads to: our seven, unless the mapping is a convention of the literature."""

    def __post_init__(self):
        unknown = {ours for ours in self.labels.values() if ours is not None} - set(self.label_set)
        if unknown:
            raise ValueError(f"mapping {self.name!r} leads to {sorted(unknown)}, which are not among {list(self.label_set)}")
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))

    def __getitem__(self, theirs: str) -> str | None:
        """Our label for theirs; ``None`` if it is dropped.

        Raises:
            KeyError: the data set has no such label, as far as we know.
        """
        return self.labels[theirs]

    def __contains__(self, theirs: object) -> bool:
        return theirs in self.labels

    @property
    def dropped(self) -> tuple[str, ...]:
        """Their labels that we leave out."""
        return tuple(theirs for theirs, ours in self.labels.items() if ours is None)

    @property
    def merged(self) -> dict[str, tuple[str, ...]]:
        """Our labels that stand for several of theirs."""
        sources: dict[str, tuple[str, ...]] = {}
        for theirs, ours in self.labels.items():
            if ours is not None:
                sources[ours] = (*sources.get(ours, ()), theirs)
        return {ours: theirs for ours, theirs in sources.items() if len(theirs) > 1}


def _to(label: str | None, *theirs: str) -> dict[str, str | None]:
    return dict.fromkeys(theirs, label)


MELD = LabelMapping("meld", {label: label for label in LABELS})

EMORYNLP = LabelMapping(
    "emorynlp",
    {
        "Neutral": "neutral",
        "Joyful": "joy",
        "Sad": "sadness",
        "Mad": "anger",
        "Scared": "fear",
        "Powerful": None,
        "Peaceful": None,
    },
    why="Powerful and peaceful are branches of Willcox's feeling wheel with no counterpart among Ekman's: each holds neutral, "
    "joyful and, in the case of powerful, angry and surprised utterances alike, so any merge would teach a wrong label.",
)

EMORYNLP_7 = LabelMapping(
    "emorynlp-7",
    EMORYNLP.labels | {"Powerful": "powerful", "Peaceful": "peaceful"},
    why="The authors' own seven, so that figures compare with published ones.",
    label_set=LabelSet(("neutral", "joy", "sadness", "anger", "fear", "peaceful", "powerful")),
)

XED = LabelMapping(
    "xed",
    {
        "1": "anger",
        "2": None,
        "3": "disgust",
        "4": "fear",
        "5": "joy",
        "6": "sadness",
        "7": "surprise",
        "8": None,
        "9": "neutral",
    },
    why="Plutchik's eight by number, 9 for neutral. Anticipation (2) and trust (8) are dropped: neither is among Ekman's.",
)

GOEMOTIONS = LabelMapping(
    "goemotions",
    {
        **_to("joy", "admiration", "amusement", "excitement", "gratitude", "joy", "love", "optimism", "pride", "relief"),
        **_to("anger", "anger", "annoyance", "disapproval"),
        **_to("sadness", "disappointment", "embarrassment", "grief", "remorse", "sadness"),
        **_to("fear", "fear", "nervousness"),
        **_to("disgust", "disgust"),
        **_to("surprise", "surprise"),
        **_to("neutral", "neutral", "approval", "curiosity", "realization"),
        **_to(None, "caring", "confusion", "desire"),
    },
    why="The authors' grouping to Ekman's six files every agreement ('yes, exactly') under joy and every question under surprise. In a "
    "conversation a listener calls both neutral, so approval, curiosity and realization are neutral here; caring, confusion and desire "
    "have no one reading and are dropped. The rest is as the authors group it (Demszky et al. 2020, arXiv:2005.00547).",
)

GOEMOTIONS_EKMAN = LabelMapping("goemotions-ekman", {label: label for label in LABELS}, why="The authors' own grouping, as published.")

RAVDESS = LabelMapping(
    "ravdess",
    {
        "neutral": "neutral",
        "calm": "neutral",
        "happy": "joy",
        "sad": "sadness",
        "angry": "anger",
        "fearful": "fear",
        "disgust": "disgust",
        "surprised": "surprise",
    },
    why="Calm was recorded as a second baseline condition beside neutral (Livingstone and Russo 2018, "
    "doi:10.1371/journal.pone.0196391), and nothing in conversation asks to tell the two apart.",
)

RAVDESS_8 = LabelMapping(
    "ravdess-8",
    RAVDESS.labels | {"calm": "calm"},
    why="As EmoBox has it (Ma et al. 2024, arXiv:2406.07162): calm stays a label of its own, so that figures compare with published ones.",
    label_set=LabelSet((*LABELS, "calm")),
)

NEMO = LabelMapping(
    "nemo",
    {
        "neutral": "neutral",
        "happiness": "joy",
        "sadness": "sadness",
        "anger": "anger",
        "fear": "fear",
        "surprised": "surprise",
    },
)

EMODB = LabelMapping(
    "emodb",
    {"N": "neutral", "F": "joy", "T": "sadness", "W": "anger", "A": "fear", "E": "disgust", "L": None},
    why="By the letter in the file name (German: Freude, Trauer, Wut, Angst, Ekel). Boredom (L, Langeweile) has no counterpart.",
)

_IEMOCAP_DROPPED = "Rare emotions, 'oth' (something else) and 'xxx' (no two of three judges agreed) are left out, as everywhere."

IEMOCAP = LabelMapping(
    "iemocap",
    {
        **_to("neutral", "neu"),
        **_to("joy", "hap", "exc"),
        **_to("sadness", "sad"),
        **_to("anger", "ang"),
        **_to("fear", "fea"),
        **_to("disgust", "dis"),
        **_to("surprise", "sur"),
        **_to(None, "fru", "oth", "xxx"),
    },
    why="Excited joins happy, as in every four-class protocol. Frustrated is dropped: its annotators split between anger, sadness and "
    "neutral, so merging it into anger would blur the class that users ask about most. 'oth' and 'xxx' are no emotion and no agreement.",
)

IEMOCAP_4 = LabelMapping(
    "iemocap-4",
    {
        **_to("neutral", "neu"),
        **_to("joy", "hap", "exc"),
        **_to("sadness", "sad"),
        **_to("anger", "ang"),
        **_to(None, "fru", "fea", "dis", "sur", "oth", "xxx"),
    },
    why="The usual four classes of speech emotion recognition (5,531 turns), excited being happy. " + _IEMOCAP_DROPPED,
    label_set=LabelSet(("neutral", "joy", "sadness", "anger")),
)

IEMOCAP_5 = LabelMapping(
    "iemocap-5",
    {
        **_to("neutral", "neu"),
        **_to("joy", "hap", "exc"),
        **_to("sadness", "sad"),
        **_to("anger", "ang"),
        **_to("frustration", "fru"),
        **_to(None, "fea", "dis", "sur", "oth", "xxx"),
    },
    why="The four classes, excited being happy, and frustrated. " + _IEMOCAP_DROPPED,
    label_set=LabelSet(("neutral", "joy", "sadness", "anger", "frustration")),
)

IEMOCAP_6 = LabelMapping(
    "iemocap-6",
    {
        **_to("neutral", "neu"),
        **_to("joy", "hap"),
        **_to("excitement", "exc"),
        **_to("sadness", "sad"),
        **_to("anger", "ang"),
        **_to("frustration", "fru"),
        **_to(None, "fea", "dis", "sur", "oth", "xxx"),
    },
    why="The six classes of emotion recognition in conversation since DialogueRNN: 7,380 turns of the release, where the features that "
    "most later work shares have 7,433 (648 happy instead of 595). " + _IEMOCAP_DROPPED,
    label_set=LabelSet(("neutral", "joy", "excitement", "sadness", "anger", "frustration")),
)

EMOCONTEXT = LabelMapping(
    "emocontext",
    {"happy": "joy", "sad": "sadness", "angry": "anger", "others": None},
    why="'Others' is everything else, neutral and the remaining emotions alike.",
)

EMOCONTEXT_4 = LabelMapping(
    "emocontext-4",
    {"happy": "joy", "sad": "sadness", "angry": "anger", "others": "others"},
    label_set=LabelSet(("joy", "sadness", "anger", "others")),
)

CREMA_D = LabelMapping(
    "crema-d",
    {"NEU": "neutral", "HAP": "joy", "SAD": "sadness", "ANG": "anger", "FEA": "fear", "DIS": "disgust"},
)

TESS = LabelMapping(
    "tess",
    {
        "neutral": "neutral",
        "happy": "joy",
        "sad": "sadness",
        "angry": "anger",
        "fear": "fear",
        "disgust": "disgust",
        "ps": "surprise",
    },
    why="Pleasant surprise (ps) is the only surprise that was recorded: a model learns nothing of the unpleasant kind from it.",
)

MSP_IMPROV = LabelMapping(
    "msp-improv",
    {"N": "neutral", "H": "joy", "S": "sadness", "A": "anger", "O": None, "X": None},
    why="By the letter of the judges' majority. 'O' is an emotion outside the four that they could choose from, 'X' no majority.",
)

CMU_MOSEI = LabelMapping(
    "cmu-mosei",
    {
        "happiness": "joy",
        "sadness": "sadness",
        "anger": "anger",
        "fear": "fear",
        "disgust": "disgust",
        "surprise": "surprise",
        "none": "neutral",
        "tie": None,
    },
    why="Judges gave each of six emotions an intensity, several at once. The strongest on average is the label; 'none' is a segment in "
    "which no judge saw any, 'tie' one in which two are equally strong, and no rule could choose between them.",
)

MAPPINGS: Mapping[str, LabelMapping] = MappingProxyType(
    {
        mapping.name: mapping
        for mapping in (
            MELD,
            EMORYNLP,
            EMORYNLP_7,
            XED,
            GOEMOTIONS,
            GOEMOTIONS_EKMAN,
            RAVDESS,
            RAVDESS_8,
            NEMO,
            EMODB,
            CREMA_D,
            TESS,
            MSP_IMPROV,
            CMU_MOSEI,
            IEMOCAP,
            IEMOCAP_4,
            IEMOCAP_5,
            IEMOCAP_6,
            EMOCONTEXT,
            EMOCONTEXT_4,
        )
    }
)
"""Every mapping by the name of its data set."""
