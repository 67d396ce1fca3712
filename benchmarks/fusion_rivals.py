"""convemo's fusion beside other ways to fuse text and voice, on the same utterances of a data set with text, features and three parts.

    python benchmarks/fusion_rivals.py meld --data DATA/meld --text 'TEXT/predictions.jsonl' --acoustic 'VOICE/predictions.jsonl' --out OUT

All learn on dev what the channels say (or, where they have a network of their own, on train, and are stopped by dev); all are compared on
test, with 95 % limits over dialogues and the paired difference from the fusion. `--raw` reads the texts without punctuation for those that
read themselves: then the predictions must be those of raw text too.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from convemo import registry
from convemo.data import as_raw_asr
from convemo.fusion.fit import FitSettings, fit
from convemo.metrics import expected_calibration_error, interval, negative_log_likelihood, paired_difference, weighted_f1
from convemo.scoring import open_channel, score
from convemo.scoring.labels import agree, of
from convemo.training import fusion_rivals as rivals
from convemo.training.card import table
from convemo.training.fusion_own_report import promises
from convemo.training.run import write_json
from convemo.types import ChannelResult

METRICS = {
    "WF1": lambda p, y: weighted_f1(p.argmax(axis=1), y),
    "NLL": negative_log_likelihood,
    "ECE": expected_calibration_error,
}
OURS = "convemo's fusion"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set", help="a data set of convemo.registry, or a .jsonl file")
    parser.add_argument("--data", type=Path, help="its folder")
    parser.add_argument("--text", required=True, help="predictions, or a channel")
    parser.add_argument("--acoustic", required=True, help="predictions, or a channel")
    parser.add_argument("--raw", action="store_true")
    parser.add_argument(
        "--checkpoint", type=Path, help="a text model that `convemo train text --init transformers:…` fine-tuned: what its head is"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resamples", type=int, default=1000)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = {split: load(arguments, split) for split in ("train", "dev", "test")}
    systems, references, groups, kept = compare(arguments, parts)
    report(systems, references, groups, kept, arguments)


def load(arguments, split):
    """One part's dialogues, raw where that is asked for."""
    name = arguments.data_set
    if name.endswith(".jsonl"):
        dialogues = registry.find("data", "jsonl")(Path(name), split, labels=None)
    else:
        dialogues = registry.find("data", name)(arguments.data, split)
    if not arguments.raw:
        return dialogues
    return tuple(replace(d, utterances=tuple(replace(u, text=as_raw_asr(u.text or "")) for u in d)) for d in dialogues)


def compare(arguments, parts):
    """System → ``(N, K)`` probabilities, one a seed; ``(N,)`` references and dialogues of the test part; what the promises came to."""
    labels = of([d for dialogues in parts.values() for d in dialogues])
    channels = {name: open_channel(name, getattr(arguments, name)) for name in ("text", "acoustic")}
    said = {split: results(parts[split], channels, labels) for split in ("dev", "test")}
    said["train"] = [
        {name: replace(r, reasons=("not held out",) * len(d)) for name, r in unscored(d, labels).items()} for d in parts["train"]
    ]
    vectors = text_vectors(arguments, parts)
    names = sorted({name for d in parts["train"] for u in d for name in u.features or ()})
    train, scale = rivals.part_of(parts["train"], said["train"], labels, vectors["train"], names)
    dev, test = (rivals.part_of(parts[s], said[s], labels, vectors[s], names, scale)[0] for s in ("dev", "test"))

    fusion = fit(parts["dev"], said["dev"], settings=FitSettings(seed=1), label_sequences=parts["train"])
    whole = [fusion.fuse(d, r) for d, r in zip(parts["test"], said["test"])]
    fused = [f.result for f in whole]
    judged = [np.array([u.label is not None for u in d]) & f.result.valid for d, f in zip(parts["test"], whole)]
    text_alone = [fusion.calibrate("text", r["text"]) for r in said["test"]]
    text_and_past = [fusion.fuse(d, {"text": r["text"]}).result for d, r in zip(parts["test"], said["test"])]
    systems = {"text alone, calibrated": stacked(text_alone), "text alone, with history": stacked(text_and_past), OURS: stacked(fused)}
    systems["averaging"] = rivals.averaging(dev, test)
    systems["product of experts"] = rivals.product_of_experts(dev, test)
    systems["stacking"] = rivals.stacking(dev, test)
    systems["early fusion, of scores and features"] = rivals.early_fusion_of_scores(dev, test)
    systems["early fusion, of vectors and features"] = rivals.early_fusion(train, dev, test)
    systems["cross-modal attention"] = rivals.cross_modal_attention(train, dev, test)
    rows = (test.labels >= 0) & test.available.any(axis=0)
    chosen = {name: [p[rows] for p in (found if isinstance(found, list) else [found])] for name, found in systems.items()}
    return chosen, test.labels[rows], test.dialogues[rows], promises(labels, whole, judged, test.labels[rows])


def results(dialogues, channels, labels):
    return [{name: agree(result, labels) for name, result in scored.results.items()} for scored in score(dialogues, channels)]


def unscored(dialogue, labels):
    """A train part's place in the arrays: the channels were trained on it, so what they say of it is no use."""
    nothing = np.zeros((len(dialogue), len(labels)))
    return {name: ChannelResult(name, labels, nothing, ("not held out",) * len(dialogue)) for name in ("text", "acoustic")}


def stacked(found):
    p = np.exp(np.concatenate([result.log_probs for result in found]))
    return p / p.sum(axis=1, keepdims=True)


def text_vectors(arguments, parts):
    """Split → ``(N, W)``: what the head of a fine-tuned checkpoint is given, or the frozen sentence encoder's mean over tokens; kept
    beside the results."""
    path = arguments.out / f"vectors{'_tuned' * bool(arguments.checkpoint)}{'_raw' * arguments.raw}.npz"
    if not path.is_file():
        dialogues = [d for part in parts.values() for d in part]
        vectors = tuned(arguments.checkpoint, dialogues) if arguments.checkpoint else frozen([u.text or "" for d in dialogues for u in d])
        np.savez(path, ids=np.array([f"{d.id}\t{u.id}" for d in dialogues for u in d]), vectors=vectors.astype(np.float16))
    stored = np.load(path)
    of_id = dict(zip(stored["ids"].tolist(), stored["vectors"].astype(np.float32)))
    return {split: np.stack([of_id[f"{d.id}\t{u.id}"] for d in dialogues for u in d]) for split, dialogues in parts.items()}


def frozen(texts):
    import torch
    from transformers import AutoTokenizer

    from convemo.text.model import encoder_folder, read_encoder

    tokenizer, encoder = AutoTokenizer.from_pretrained(str(encoder_folder())), read_encoder(encoder_folder()).eval()

    def run(rows):
        inputs = tokenizer([texts[i] for i in rows], truncation=True, max_length=96, padding=True, return_tensors="pt")
        mask = inputs["attention_mask"][..., None]
        mean = (encoder(**inputs).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1)

    return in_batches(run, [len(text) for text in texts])


def tuned(checkpoint, dialogues):
    from convemo.text.transformers import TransformersText, with_history

    channel, given = TransformersText(str(checkpoint)), []
    channel._model.classifier.register_forward_pre_hook(lambda head, inputs: given.append(inputs[0]))
    windows = [channel._windows(*with_history(d, i, channel.turns))[0] for d in dialogues for i in range(len(d))]
    lengths = [len(window["input_ids"]) for window in windows]

    def run(rows):
        channel._run([windows[i] for i in rows])
        return given.pop()

    return in_batches(run, lengths, alike=True)


def in_batches(run, lengths, batch=64, alike=False):
    """``(N, W)`` of what `run` gives for lists of rows, those of like length together; of equal length only where they must be `alike`."""
    import torch

    order = np.argsort(lengths, kind="stable")
    cuts = np.flatnonzero(np.diff(np.array(lengths)[order])) + 1 if alike else []
    batches = [rows[i : i + batch] for rows in np.split(order, cuts) for i in range(0, len(rows), batch)]
    with torch.inference_mode():
        found = np.concatenate([run(rows).float().numpy() for rows in batches])
    vectors = np.empty_like(found)
    vectors[order] = found
    return vectors


def report(systems, references, groups, kept, arguments):
    """The table, printed and written; figures of several seeds are means over them, in every draw of the bootstrap too."""

    def over_seeds(metric, count):
        return lambda *rows: float(np.mean([metric(p, rows[-1]) for p in rows[:count]]))

    found, lines = {}, []
    for name, by_seed in systems.items():
        figures, gaps = {}, {}
        for metric, f in METRICS.items():
            mean = over_seeds(f, len(by_seed))
            figures[metric] = asdict(interval(mean, groups, *by_seed, references, resamples=arguments.resamples))
            ours = systems[OURS] * len(by_seed)
            gap = paired_difference(mean, groups, (*by_seed, references), (*ours, references), resamples=arguments.resamples)
            gaps[metric] = asdict(gap)
        found[name] = {"seeds": len(by_seed), "metrics": figures, "less ours": gaps}
        cells = ["{value:.3f} [{low:.3f}, {high:.3f}]".format(**v) for v in figures.values()]
        less = ["–" if name == OURS else "{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**gaps[m]) for m in ("WF1", "NLL")]
        lines.append((name, *cells, *less))
    columns = ("system", *METRICS, "WF1 less the fusion's", "NLL less the fusion's")
    markdown = table(columns, lines)
    print(markdown, f"\n{len(references)} utterances of {len(set(groups.tolist()))} dialogues; the fusion's promises:", json.dumps(kept))
    (arguments.out / "table.md").write_text(markdown + "\n", encoding="utf-8")
    asked = {name: str(value) for name, value in vars(arguments).items() if name not in ("data", "out")}
    write_json(arguments.out / "results.json", {"arguments": asked, "systems": found, "promises": kept})


if __name__ == "__main__":
    main()
