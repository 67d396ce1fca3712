"""``convemo eval``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    what: Annotated[str, typer.Argument(metavar="SUITE|DATA.jsonl", help="A suite such as meld, or your own labelled dialogues.")],
    channels: Annotated[str | None, typer.Option(help="Systems side by side: text,acoustic,fused; fused is all, text+llm some.")] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SPEC", help="Predictions (llm=answers.jsonl), a model folder, transformers:PATH, llm:ENGINE; repeatable."
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Which part is scored: train, dev, test, all.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of data sets; else $CONVEMO_DATA.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the results go; runs/eval/NAME by default.")] = None,
    folds: Annotated[
        str | None, typer.Option(metavar="KEY", help="Fit the fusion out of fold: by dialogue, speaker, or a field of your dialogues.")
    ] = None,
    fusion: Annotated[str, typer.Option(help="fit (on dev or the folds), shipped, or a folder that convemo train fusion made.")] = "fit",
    seeds: Annotated[str | None, typer.Option(metavar="1,2,3", help="Seeds that stand for {seed} in a SPEC; figures are means.")] = None,
    labels: Annotated[str | None, typer.Option(metavar="A,B,…", help="Count these labels only; the others are history.")] = None,
    unit: Annotated[str | None, typer.Option(help="What intervals draw again: dialogue, speaker, or a field of your dialogues.")] = None,
    text: Annotated[str | None, typer.Option(help="punctuated, raw, asr-noise=0.2; several with commas.")] = None,
    audio: Annotated[str | None, typer.Option(help="none (as it is), snr=10, telephone, codec=opus16; several with commas.")] = None,
    missing: Annotated[str | None, typer.Option(metavar="CHANNEL[=SHARE]", help="What a channel lacks: acoustic, text=0.3.")] = None,
    speakers: Annotated[str | None, typer.Option(metavar="error=SHARE", help="Utterances that are given to another speaker.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Draws of the bootstrap.")] = 1000,
    robustness: Annotated[bool, typer.Option("--robustness", help="Also draw the matrix of worse and worse conditions.")] = False,
    device: Annotated[str, typer.Option(help="Where checkpoints and language models run: auto, cpu, cuda, cuda:1 …")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing.")] = False,
) -> None:
    """How good each channel and their fusion are, with intervals: on a suite, or on your own data."""
    from convemo.commands import eval as command

    command.run(
        what,
        data=data or Path(os.environ.get("CONVEMO_DATA") or "data"),
        out=out,
        channels=channels,
        channel=channel or [],
        split=split,
        folds=folds,
        fusion=fusion,
        seeds=seeds,
        labels=labels,
        unit=unit,
        conditions={"text": text, "audio": audio, "missing": missing, "speakers": speakers},
        resamples=resamples,
        robustness=robustness,
        device=device,
        offline=offline,
    )
