"""The text model's card: where it comes from, how good it is, what it is not good at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from convemo.data import emobank, emorynlp, goemotions, xed
from convemo.training.card import Card, Figures, Source
from convemo.training.text_data import DIMENSIONS
from convemo.training.text_fit import TextConfig

OWN_DATA = "LicenseRef-own-data"
"""Stands in a licence for data of the user's own, of which only the user knows what may be done with them."""
SOURCES = {
    "emorynlp": Source("EmoryNLP", emorynlp.LICENCE, emorynlp.SOURCE.split()[0], "scenes of *Friends*; powerful and peaceful left out"),
    "xed": Source("XED, English", xed.LICENCE, "https://github.com/Helsinki-NLP/XED", "film subtitles; anticipation and trust left out"),
    "goemotions": Source(
        "GoEmotions", goemotions.LICENCE, "https://arxiv.org/abs/2005.00547", "Reddit comments, 27 emotions to seven labels"
    ),
    "emobank": Source("EmoBank", emobank.LICENCE, "https://github.com/JULIELab/EmoBank", "valence, arousal, dominance"),
}
ENCODER = Source(
    "all-MiniLM-L6-v2",
    "Apache-2.0",
    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    "the encoder that training began from",
)
LIMITS = (
    "It reads English only, one utterance at a time; what was said before enters in fusion.",
    "It was taught by sitcom scenes, film subtitles and Reddit comments. Calls and meetings are plainer: expect more neutral, and fit "
    "fusion on labelled turns of your own before you rely on it.",
    "It reads words, not intentions: irony, politeness over anger, and quoted speech mislead it.",
    "Courtesy is read by its words: an agent's apology comes out as sadness, thanks as joy, a question as fear or surprise now and then.",
    "EmoryNLP and MELD are cut from the same show, so its figures on MELD are not those of an unseen corpus.",
    "Annotators of these corpora agree only moderately among themselves, which bounds every figure above.",
    "Valence, arousal and dominance come from edited sentences rather than speech, and keep to the narrow middle of [-1, 1], as the "
    "judgements of EmoBank do; read them as higher or lower than another utterance, not as shares of a scale.",
    "The probabilities are not calibrated by themselves: rare emotions weighed a little more in training. Fusion calibrates them.",
)


def licence(corpora: Iterable[str]) -> str:
    """The licence of weights made from these corpora: the narrowest of theirs, and the user's own where their data are among them.

    >>> licence(["emorynlp", "emobank"]), licence(["emorynlp", "xed"]), licence(["calls"])
    ('CC-BY-SA-4.0', 'CC-BY-4.0', 'Apache-2.0 AND LicenseRef-own-data')
    """
    corpora = tuple(corpora)
    theirs = {SOURCES[name].licence for name in corpora if name in SOURCES} | {ENCODER.licence}
    narrowest = next(known for known in ("CC-BY-SA-4.0", "CC-BY-4.0", "Apache-2.0") if known in theirs)
    return narrowest if set(corpora) <= SOURCES.keys() else f"{narrowest} AND {OWN_DATA}"


def _why(corpora: Iterable[str]) -> str:
    reasons = ["Attribution is owed to the sources below; of them commercial use is allowed."]
    if "emobank" in corpora:
        reasons.insert(
            0, "EmoBank is share-alike, so weights trained on it are too; everything else they are made from is as free or freer."
        )
    if not set(corpora) <= SOURCES.keys():
        reasons.append("What the data of your own allow, only you know.")
    return " ".join(reasons)


def card(settings: TextConfig, command: str, figures: Mapping[str, Any]) -> Card:
    """The model's card, from its measured figures."""
    ways = (("written", "as written"), ("raw", "raw ASR text"))
    emotions, dimensions = [], []
    for name, found in figures["test"].items():
        for key, how in ways:
            s = found[key]
            if "macro_f1" in s:
                low, high = s["macro_f1_interval"]
                f1 = f"{s['macro_f1']:.3f} [{low:.3f}, {high:.3f}]"
                emotions.append((name, how, found["texts"], s["accuracy"], s["ua"], s["weighted_f1"], f1, s["nll"], s["ece"]))
            if "valence_ccc" in s:
                dimensions.append((name, how, found["texts"], *(s[f"{d}_{m}"] for d in DIMENSIONS for m in ("ccc", "mae"))))
    parity = figures["parity"]
    return Card(
        id=settings.id,
        title="convemo text model",
        summary="Six transformer layers of 384 read one utterance and say which of seven emotions it expresses, and its valence, arousal "
        f"and dominance. int8 weights: {parity['same_label']:.1%} of {parity['rows']} dev texts keep the label that the float32 network "
        f"gives (largest difference of a log-probability {parity['max_difference']:.2f}, mean {parity['mean_difference']:.3f}).",
        licence=licence(settings.corpora),
        why_licence=_why(settings.corpora),
        command=command,
        sources=[*(SOURCES.get(name) or Source(name, OWN_DATA, "", "data of your own") for name in settings.corpora), ENCODER],
        figures=[
            Figures(
                "Emotions, test parts",
                ("corpus", "text", "texts", "accuracy", "UA", "weighted F1", "macro F1 [95 %]", "NLL", "ECE"),
                emotions,
                "Texts with one label after mapping (`convemo.data.mappings`), chosen among all seven labels, so not comparable with "
                "figures on the corpora's own label sets. The checkpoint was chosen on dev parts. Raw ASR text has no punctuation and no "
                "capitals. XED has no official parts; ours are by hash of the text. One seed; intervals by bootstrap over texts. Macro F1 "
                "counts a label that was predicted though the corpus has none of it (EmoryNLP: disgust, surprise) as 0.",
            ),
            Figures(
                "Dimensions, test parts",
                ("corpus", "text", "texts", *(f"{d} {m}" for d in DIMENSIONS for m in ("CCC", "MAE"))),
                dimensions,
                "Scale [-1, 1].",
            ),
        ],
        limits=LIMITS,
    )
