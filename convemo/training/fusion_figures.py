"""How good a fitted fusion is on composed dialogues it was not fitted on, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.fusion.fuse import FILE, Fused, Fusion
from convemo.metrics import (
    accuracy,
    expected_calibration_error,
    interval,
    mean_set_size,
    negative_log_likelihood,
    paired_difference,
    set_coverage,
    unweighted_average_recall,
    weighted_f1,
)
from convemo.training.card import Card, Figures, Source, command, write_card, write_manifest
from convemo.types import ChannelResult, Dialogue

if TYPE_CHECKING:
    from convemo.training.fusion_composed import FusionConfig

Channels = Mapping[str, ChannelResult]

NO_GATES = ", no gates"
METRICS = {
    "WF1": lambda p, y: weighted_f1(p.argmax(axis=1), y),
    "UA": lambda p, y: unweighted_average_recall(p.argmax(axis=1), y),
    "accuracy": lambda p, y: accuracy(p.argmax(axis=1), y),
    "NLL": negative_log_likelihood,
    "ECE": expected_calibration_error,
}
"""Each of ``(N, K)`` probabilities and ``(N,)`` references."""


def report(fusions: Mapping[str, Fusion], dialogues: Sequence[Dialogue], results: Sequence[Channels], resamples: int) -> dict[str, Any]:
    """Figures of every system on the same utterances: those with a reference that all channels have scored.

    Args:
        fusions: ``"as shipped"``, ``"no gates"`` and ``"full trust"``, the same but for that.
        dialogues: the test part with the evidence of its utterances, as often as there are compositions.
        results: the channels of each.
        resamples: draws of the bootstrap.

    Returns:
        ``"systems"`` → system → metric → value and 95 % limits over dialogues; ``"gain over text"`` → system → paired difference of WF1;
        ``"gain by gates"`` → system → metric → paired difference; ``"promises"`` → system → coverage and size of sets, share answered
        and its errors.
    """
    fusion = fusions["as shipped"]
    rows = [np.array([u.label is not None for u in d]) & np.all([c.valid for c in r.values()], axis=0) for d, r in zip(dialogues, results)]
    references = np.array([fusion.labels.index(u.label) for d, there in zip(dialogues, rows) for u, t in zip(d, there) if t])
    groups = np.concatenate([np.full(int(there.sum()), d.id) for d, there in zip(dialogues, rows)])
    raw, fused = _systems(fusions, dialogues, results)
    scored = {**raw, **{name: [f.result for f in system] for name, system in fused.items()}}
    probabilities = {name: probabilities_of(system, rows) for name, system in scored.items()}

    def gain(metric: str, one: str, other: str) -> dict[str, float]:
        pair = ((probabilities[name], references) for name in (one, other))
        return asdict(paired_difference(METRICS[metric], groups, *pair, resamples=resamples))

    repeats = len(dialogues) // len({d.id for d in dialogues})
    found: dict[str, Any] = {"utterances": len(references) // repeats, "dialogues": len(set(groups.tolist())), "compositions": repeats}
    found["systems"] = {
        name: {metric: asdict(interval(f, groups, p, references, resamples=resamples)) for metric, f in METRICS.items()}
        for name, p in probabilities.items()
    }
    found["gain over text"] = {name: gain("WF1", name, "text") for name in fused if "text +" in name}
    gated = [name for name in fused if f"{name}{NO_GATES}" in fused]
    found["gain by gates"] = {name: {m: gain(m, name, f"{name}{NO_GATES}") for m in ("NLL", "ECE", "WF1")} for name in gated}
    found["promises"] = {name: _promises(fusion, system, rows, references) for name, system in fused.items()}
    return found


def _systems(fusions: Mapping[str, Fusion], dialogues, results) -> tuple[dict[str, list[ChannelResult]], dict[str, list[Fused]]]:
    """What is compared: each channel as it comes; each alone, by this fusion; all together, in the ways that differ."""
    fusion, names = fusions["as shipped"], list(results[0])
    together = " + ".join(names)
    raw = {f"{name}, as it comes": [r[name] for r in results] for name in names}
    fused: dict[str, list[Fused]] = {}

    def add(system: str, by: Fusion, channels: Sequence[str] = names, smooth: bool = False) -> None:
        fused[system] = [by.fuse(d, {name: r[name] for name in channels}, smooth=smooth) for d, r in zip(dialogues, results)]

    for name in dict.fromkeys([*names, together]):
        add(name, fusion, [name] if name in names else names)
        if any(fusion.parameters.channels[n].gate for n in ([name] if name in names else names)):
            add(f"{name}{NO_GATES}", fusions["no gates"], [name] if name in names else names)
    learned, full = (fusions[name].parameters for name in ("as shipped", "full trust"))
    if learned.history.own or learned.history.other:
        add(f"{together}, no history", _without_history(fusion))
        add(f"{together}, smoothed", fusion, smooth=True)
    if (full.patterns, full.history) != (learned.patterns, learned.history):
        add(f"{together}, full trust", fusions["full trust"])
    return raw, fused


def _without_history(fusion: Fusion) -> Fusion:
    history = fusion.parameters.history.model_copy(update={"own": 0.0, "other": 0.0, "sharpness": 1.0, "sharpness_smoothed": 1.0})
    return Fusion(fusion.parameters.model_copy(update={"history": history}), fusion.model)


def probabilities_of(system: Sequence[ChannelResult], rows: Sequence[np.ndarray]) -> np.ndarray:
    """``(M, K)`` of the chosen rows of all dialogues."""
    p = np.exp(np.concatenate([result.log_probs[there] for result, there in zip(system, rows)]))
    return p / p.sum(axis=1, keepdims=True)  # log-probabilities are stored to five places


def _promises(fusion: Fusion, system: Sequence[Fused], rows: Sequence[np.ndarray], references: np.ndarray) -> dict[str, float | None]:
    """Whether sets and answers keep what they promise."""
    chosen = [fused.prediction_sets[i] or () for fused, there in zip(system, rows) for i in np.flatnonzero(there)]
    sets = np.array([[label in labels for label in fusion.labels] for labels in chosen])
    answered = ~np.concatenate([fused.abstained[there] for fused, there in zip(system, rows)])
    won = np.concatenate([fused.result.log_probs[there].argmax(axis=1) for fused, there in zip(system, rows)])
    return {
        "set coverage": set_coverage(sets, references),
        "mean set size": mean_set_size(sets),
        "answered": float(answered.mean()),
        "wrong among answered": float((won != references)[answered].mean()) if answered.any() else None,
    }


def publish(fusion: Fusion, figures: Mapping[str, Any], settings: FusionConfig, config: Path, out: Path) -> None:
    """Writes the manifest and the card beside ``fusion.json``."""
    made_by = command("fusion", config)
    licence = "CC-BY-NC-SA-4.0" if settings.clips else "Apache-2.0"
    write_manifest(out, id=settings.id, channel="fusion", licence=licence, labels=list(fusion.labels), files=[FILE], made_by=made_by)
    tables = []
    for condition, found in figures["test"].items():
        tables += _tables(condition, found, settings)
    tables.append(parameters(fusion))
    write_card(
        out,
        Card(
            id=settings.id,
            title="Fusion" if settings.clips else "Fusion, text alone",
            summary=(SUMMARY if settings.clips else TEXT_SUMMARY).format(trust=settings.trust),
            licence=licence,
            why_licence=WHY_LICENCE if settings.clips else "Fitted on EmoryNLP and on our own support conversations (Apache-2.0) alone.",
            command=made_by,
            sources=SOURCES if settings.clips else SOURCES[:2],
            figures=tables,
            limits=[*(LIMITS_OF_SOUND if settings.clips else ()), *LIMITS],
        ),
    )


def _tables(condition: str, found: Mapping[str, Any], settings: FusionConfig) -> list[Figures]:
    bounds = "[{low:.3f}, {high:.3f}]"
    systems = [
        (name, *(f"{value['value']:.3f} " + bounds.format(**value) for value in metrics.values()))
        for name, metrics in found["systems"].items()
    ]
    signed = "{value:+.3f} [{low:+.3f}, {high:+.3f}]"
    gains = [f"{name} {signed.format(**d)}, p = {d['p_value']:.3f}" for name, d in found["gain over text"].items()]
    by_gates = [(name, *(signed.format(**d) for d in row.values())) for name, row in found["gain by gates"].items()]
    promises = [(name, *row.values()) for name, row in found["promises"].items()]
    size = f"{found['utterances']} utterances of {found['dialogues']} dialogues, {found['compositions']} composition(s)"
    tables = [
        Figures(
            f"EmoryNLP test, text {condition}",
            ("system", *METRICS),
            systems,
            f"{size}; 95 % limits by bootstrap over dialogues, not over actors. Guesses are among all seven labels: surprise and "
            "disgust, which the references do not know, count as wrong."
            + (f" WF1 beyond text alone: {'; '.join(gains)}." if gains else ""),
        ),
        Figures(
            f"Promises, text {condition}",
            ("system", "set coverage", "mean set size", "share answered", "wrong among answered"),
            promises,
            f"Sets promise to hold the truth {settings.coverage:.0%} of the time; at most {settings.risk:.0%} of the answers should be "
            "wrong, and a dash means that the fit saw no way to keep this. Smoothing borrows the thresholds of the causal fit.",
        ),
    ]
    if by_gates:
        note = "With gates less without, each fitted on its own; paired, 95 % limits by bootstrap over dialogues. NLL and ECE should fall."
        tables.insert(1, Figures(f"What the gates bring, text {condition}", ("system", "NLL", "ECE", "WF1"), by_gates, note))
    return tables


def parameters(fusion: Fusion) -> Figures:
    """All that was learned but the transitions and thresholds, as a table."""
    p = fusion.parameters
    rows: list[tuple[str, str]] = [(f"temperature of {name}", f"{c.temperature:.2f}") for name, c in p.channels.items()]
    rows += [(f"gate of {name}", ", ".join(f"{q} {w:.2f}" for q, w in c.gate.items())) for name, c in p.channels.items() if c.gate]
    for name, pool in p.patterns.items():
        rows.append((f"weights where {name} speak", ", ".join(f"{n} {w:.2f}" for n, w in pool.weights.items())))
        if pool.bias:
            rows.append(("… and the bias for how often labels occur", ", ".join(f"{label} {b:+.2f}" for label, b in pool.bias.items())))
    past = f"own {p.history.own:.2f}, other {p.history.other:.2f}, sharpness {p.history.sharpness:.2f}"
    rows.append(("history", past if p.history.own or p.history.other else "none: it did not help on dialogues left out"))
    return Figures("What was learned", ("parameter", "value"), rows, "In full in fusion.json.")


SUMMARY = (
    "Turns what the text and the acoustic channel say into one calibrated opinion of every utterance: a temperature for each channel, a "
    "log-linear pool with weights for each pattern of channels that have spoken; and, where they help on dialogues left out, the labels' "
    "shares, gates by which evidence lowers a channel's weight, and a causal history. Fitted on composed dialogues, since no free corpus "
    "has sound, words, labels and dialogue together: the turns and labels of EmoryNLP and of invented support conversations (each counts "
    "half), and for every labelled utterance an acted clip of the same label, one actor a speaker, scored by a model that has met neither "
    "the actor nor the corpus (trained on nEMO, scored on RAVDESS, and the reverse). Texts are read as written, as raw ASR, and with "
    "simulated ASR errors and confidences; clips are heard as recorded and degraded (noise of 30 to -5 dB SNR, rooms, telephone, clipping, "
    "cuts, somebody else speaking). Acted speech flatters, and television has its own shares and order of emotions: so wherever there is "
    "text, voice, shares and history are held back to {trust} of what was learned. 'Full trust' in the tables is the fit as it is."
)
TEXT_SUMMARY = (
    "Turns what the text channel says into a calibrated opinion of every utterance: a temperature; and, where they help on dialogues left "
    "out, a gate by which the recogniser's confidence lowers its weight, the labels' shares, and a causal history, the last two held back "
    "to {trust} of what was learned, since television has its own ('full trust' in the tables is the fit as it is). 'What was learned' "
    "says which did. Fitted on EmoryNLP and on invented support conversations, each of which counts half; texts are read as written, as "
    "raw ASR, and with simulated ASR errors and confidences. For use where the acoustic channel is off, as with permissively licensed "
    "weights."
)
WHY_LICENCE = (
    "The numbers were fitted on scores of clips from RAVDESS and nEMO (CC BY-NC-SA 4.0), so this file carries their licence. "
    "`fusion_text`, fitted on EmoryNLP and our own support conversations alone, is free of it."
)
SOURCES = (
    Source(
        "EmoryNLP",
        "Apache-2.0",
        "https://github.com/emorynlp/emotion-detection",
        "dev: fit; test: report; train: shares and order of labels only",
    ),
    Source("support turns written for convemo", "Apache-2.0", "", "dev: fit; train: shares and order of labels only (eval/data)"),
    Source("RAVDESS", "CC-BY-NC-SA-4.0", "https://zenodo.org/records/1188976", "scores of clips, half of the actors for the fit"),
    Source("nEMO", "CC-BY-NC-SA-4.0", "https://github.com/amu-cai/nEMO", "scores of clips, half of the actors for the fit"),
    Source(
        "Impulse responses and noises", "MIT", "", "recordings in `noise/` of the data folder: rooms and backgrounds of the degraded clips"
    ),
)
LIMITS_OF_SOUND = (
    "Acted speech flatters the voice, and clips that were drawn by label know nothing of the words: real calls will gain less from "
    "fusion than these tables show. Fit your own (`convemo train fusion --data`, docs/fusion.md): a few hundred labelled utterances do.",
    "The acoustic temperature was fitted on a model that had never heard the corpus or its language: on speech like its training data "
    "the shipped acoustic model is better than it is trusted to be.",
    "Across corpora the voice alone is little better than the labels' shares, so it is hardly ever sure enough to keep the risk, and most "
    "of what it says alone is neutral.",
    "The three rooms and seven noises behind the bad sound are the same recordings in the fit and in the report, drawn and mixed anew, and "
    "the acoustic models were trained with them: a room of yours is new to all of it.",
)
LIMITS = (
    "One temperature serves two kinds of talk. By itself television (EmoryNLP), whose labels are hard to agree on, would have a higher "
    "one, and support conversations a lower one: on the first the fusion is too sure, on the second too modest.",
    "The support conversations of the fit are few (127 labelled turns of 11 dialogues) and invented by who also wrote the support suite; "
    "the suite itself took no part in the fit.",
    "Recogniser's errors and confidences are simulated (convemo/training/mishear.py): words confused, lost and added independently, and a "
    "confidence drawn to tell right from wrong as a good recogniser's does. Whether yours tells as much, only your own data can say.",
    "The text model reads what was said before by itself; a history beside it is kept only if it still helps (see 'What was learned').",
    "EmoryNLP knows no surprise and no disgust; what is known of these comes from a handful of support turns.",
    "Friends is scripted television in American English; the shares and the order of labels in other conversations differ.",
    "The text model was selected on the very dev parts of the fit, so its temperature is slightly flattered there.",
)
