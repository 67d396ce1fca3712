"""How good a fusion is on one's own dialogues, each judged by a fit that left it out, beside what was there before; and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.errors import ConfigError
from convemo.fusion.fit import CrossFit
from convemo.fusion.fuse import FILE, TRAINED, Fused, Fusion
from convemo.fusion.parameters import ChannelParameters, FusionParameters, HistoryParameters, PatternParameters
from convemo.metrics import interval, mean_set_size, paired_difference, set_coverage, set_coverage_by_class
from convemo.scoring import Scored
from convemo.scoring.labels import agree
from convemo.training.card import Card, Figures, Source, command, table, write_card, write_manifest
from convemo.training.fusion_figures import METRICS, parameters, probabilities_of
from convemo.types import ChannelResult, LabelSet

if TYPE_CHECKING:
    from convemo.training.fusion_own import OwnFusionConfig

AFTER, BEFORE, PRIOR = "fused, fitted on these data", "fused, as shipped", "fused, by prior weights"


def report(found: CrossFit, said: Sequence[Scored], results: Sequence[Mapping[str, ChannelResult]], resamples: int) -> dict[str, Any]:
    """Figures of every system on the same utterances: those with a reference that all channels have scored.

    Args:
        found: what was fitted, with the fold of every dialogue.
        said: the dialogues, and what the channels said over their own labels.
        results: the same over the labels of the data.
        resamples: draws of the bootstrap.

    Returns:
        ``"systems"`` → system → metric → value and 95 % limits over dialogues; ``"gains"`` → ``"A - B"`` → metric → paired difference;
        ``"promises"`` → coverage of the sets, over all and by label, their size, the share answered and its errors.
    """
    labels, names = found.fusion.labels, list(results[0])
    rows = [
        np.array([u.label is not None for u in s.dialogue]) & np.all([c.valid for c in r.values()], axis=0) for s, r in zip(said, results)
    ]
    if not any(there.any() for there in rows):
        raise ConfigError("utterances that all channels have scored", "none", f"Leave one of {', '.join(names)} out, or fit them apart.")
    references = np.array([labels.index(u.label) for s, there in zip(said, rows) for u, t in zip(s.dialogue, there) if t])
    groups = np.concatenate([np.full(int(there.sum()), s.dialogue.id) for s, there in zip(said, rows)])

    systems = {f"{name}, as it comes": [r[name] for r in results] for name in names}
    by_others = [found.left_out[fold] for fold in found.folds]
    for name in names:
        systems[f"{name}, calibrated"] = [fusion.calibrate(name, r[name]) for fusion, r in zip(by_others, results)]
    before, was = _before(said, labels, names)
    systems[before] = was
    fused = [fusion.fuse(s.dialogue, r) for fusion, s, r in zip(by_others, said, results)]
    systems[AFTER] = [f.result for f in fused]
    p = {name: probabilities_of(system, rows) for name, system in systems.items()}

    def gains(one: str, other: str) -> dict[str, dict[str, float]]:
        pair = [(p[name], references) for name in (one, other)]
        return {m: asdict(paired_difference(METRICS[m], groups, *pair, resamples=resamples)) for m in ("NLL", "ECE", "WF1")}

    best = min((f"{name}, calibrated" for name in names), key=lambda name: METRICS["NLL"](p[name], references))
    return {
        "utterances": len(references),
        "dialogues": len(set(groups.tolist())),
        "labels": list(labels),
        "systems": {
            name: {m: asdict(interval(f, groups, p[name], references, resamples=resamples)) for m, f in METRICS.items()} for name in systems
        },
        "gains": {f"{AFTER} − {other}": gains(AFTER, other) for other in (before, best)},
        "promises": promises(labels, fused, rows, references),
        "held out, by which channels have scored": found.fusion.parameters.held_out,
    }


def _before(said: Sequence[Scored], labels: LabelSet, names: Sequence[str]) -> tuple[str, list[ChannelResult]]:
    """What an analysis would say without this fit: by the shipped fusion, or by prior weights where that speaks other labels."""
    shipped = Fusion.load()
    if set(labels) <= set(shipped.labels) and all(set(shipped.labels) <= set(r.labels) for r in said[0].results.values()):
        return BEFORE, [agree(shipped.fuse(s.dialogue, {n: s.results[n] for n in names}).result, labels) for s in said]
    prior = unfitted(labels, names)
    return PRIOR, [prior.fuse(s.dialogue, {n: s.results[n] for n in names}).result for s in said]


def unfitted(labels: LabelSet, names: Sequence[str]) -> Fusion:
    """What becomes of channels that nobody has fitted: the text counts in full, others by `pool.PRIOR_WEIGHT`; without text, all alike."""
    even, first = tuple([1 / len(labels)] * len(labels)), "text" if "text" in names else names[0]
    rows = (even,) * len(labels)
    history = HistoryParameters(
        own=0, other=0, sharpness=1, sharpness_smoothed=1, stationary=even, transitions_own=rows, transitions_other=rows
    )
    patterns = {"text": PatternParameters(weights={"text": 1.0})} if first == "text" else {}
    return Fusion(
        FusionParameters(
            labels=tuple(labels),
            channels={first: ChannelParameters(temperature=1)},
            patterns=patterns,
            history=history,
            fitted_on="nothing",
        )
    )


def promises(labels: LabelSet, fused: Sequence[Fused], rows: Sequence[np.ndarray], references: np.ndarray) -> dict[str, Any]:
    """Whether sets and answers keep what they promise.

    Args:
        labels: the ``K`` labels.
        fused: what was said of each dialogue.
        rows: for each dialogue, which of its utterances count.
        references: ``(M,)`` class indices of these.
    """
    chosen = [f.prediction_sets[i] or () for f, there in zip(fused, rows) for i in np.flatnonzero(there)]
    sets = np.array([[label in members for label in labels] for members in chosen])
    answered = ~np.concatenate([f.abstained[there] for f, there in zip(fused, rows)])
    right = np.concatenate([f.result.log_probs[there].argmax(axis=1) for f, there in zip(fused, rows)]) == references
    by_label = zip(labels, set_coverage_by_class(sets, references))
    return {
        "set coverage": set_coverage(sets, references),
        "set coverage by label": {label: None if np.isnan(share) else float(share) for label, share in by_label},
        "mean set size": mean_set_size(sets),
        "answered": float(answered.mean()),
        "wrong among answered": float(1 - right[answered].mean()) if answered.any() else None,
    }


def publish(fusion: Fusion, figures: Mapping[str, Any], settings: OwnFusionConfig, config: Path, data: Path, out: Path) -> None:
    """Writes the model folder: ``fusion.json``, its manifest and card; and ``table.md`` beside it."""
    folder, made_by = out / TRAINED, f"{command('fusion', config, data.name)}{_channels(settings)}"
    folder.mkdir(parents=True, exist_ok=True)
    fusion.parameters.save(folder / FILE)
    licence = "NOASSERTION"
    write_manifest(folder, id=settings.id, channel="fusion", licence=licence, labels=list(fusion.labels), files=[FILE], made_by=made_by)
    tables = _tables(figures, settings)
    card = Card(
        id=settings.id,
        title="Fusion",
        summary=f"Fitted on {fusion.parameters.fitted_on}. " + SUMMARY,
        licence=licence,
        why_licence="Whoever made it decides.",
        command=made_by,
        sources=[Source(name, channel["licence"] or "–", "", f"channel, {channel['id']}") for name, channel in figures["channels"].items()],
        figures=[*tables, parameters(fusion)],
        limits=[*figures["notes"], *LIMITS],
    )
    write_card(folder, card)
    shown = [f"{t.title}\n\n{table(t.columns, t.rows)}\n\n{t.note}" for t in tables]
    (out / "table.md").write_text("\n\n".join([*shown, *figures["notes"]]) + "\n", encoding="utf-8")


def _channels(settings: OwnFusionConfig) -> str:
    """The options that name channels on the command line, without this machine's paths."""
    return "".join(
        f" --channel {name}={Path(settings.channels[name]).name}" for name in sorted(settings.named) if name in settings.channels
    )


def _tables(figures: Mapping[str, Any], settings: OwnFusionConfig) -> list[Figures]:
    systems = [
        (name, *("{value:.3f} [{low:.3f}, {high:.3f}]".format(**value) for value in metrics.values()))
        for name, metrics in figures["systems"].items()
    ]
    gains = [
        (name, *("{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**value) for value in by_metric.values()))
        for name, by_metric in figures["gains"].items()
    ]
    kept = figures["promises"]
    by_label = ", ".join(f"{label} {share:.2f}" for label, share in kept["set coverage by label"].items() if share is not None)
    promises = [(kept["set coverage"], kept["mean set size"], kept["answered"], kept["wrong among answered"])]
    size = f"{figures['utterances']} utterances of {figures['dialogues']} dialogues that all channels have scored"
    left_out = f"each judged by one of {settings.folds} fits that left its dialogue out; 95 % limits by bootstrap over dialogues"
    return [
        Figures(f"Before and after, on {figures['part']}", ("system", *METRICS), systems, f"{size}, {left_out}."),
        Figures("What it brings", ("", "NLL", "ECE", "WF1"), gains, "Paired differences on the same dialogues. NLL and ECE should fall."),
        Figures(
            "What it promises",
            ("set coverage", "mean set size", "share answered", "wrong among answered"),
            promises,
            f"Sets promise to hold the truth {settings.coverage:.0%} of the time, for each label by itself ({by_label}); at most "
            f"{settings.risk:.0%} of the answers should be wrong.",
        ),
    ]


SUMMARY = (
    "A temperature for each channel, a log-linear pool with weights for each pattern of channels that have spoken, gates by which evidence "
    'lowers a channel\'s weight (where they help), and a causal history. Use it with `Analyzer(fusion=FOLDER)`, as `fusion = "FOLDER"` in '
    "a settings file (`convemo analyze --config`), or with `convemo eval --fusion FOLDER`."
)
LIMITS = (
    "If a channel was selected on these very dialogues (as one trained on their train part and stopped by their dev part was), its scores "
    "here are slightly better than on others, and the fusion trusts it slightly too much.",
    "It is as good as the dialogues are like those that it will meet. Labels that do not occur in them, it does not know.",
)
