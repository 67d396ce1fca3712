"""The command line: ``convemo analyze``, ``batch``, ``query``, ``report``, ``doctor``, ``train`` … Imports only what draws the help."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="convemo",
    help="Who said what in a conversation, which emotion was expressed, how sure, and why. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models_app = typer.Typer(help="The weights that come with convemo, and their licences.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(models_app, name="models")
prompts_app = typer.Typer(help="How language models are asked, and what exactly is sent.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(prompts_app, name="prompts")


class Trainable(StrEnum):
    text = "text"
    acoustic = "acoustic"
    scores = "scores"
    speaker = "speaker"
    fusion = "fusion"
    llm = "llm"


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from convemo import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def analyze(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Recordings or transcripts, in any mixture.")],
    transcript: Annotated[str | None, typer.Option(metavar="T", help="The transcript of the one recording given.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write results; without it they are only shown.")] = None,
    format: Annotated[
        str | None,
        typer.Option(help="What to write to --out: json (if not given), jsonl, csv, vtt, srt, rttm, TextGrid, html; several with commas."),
    ] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="TOML", help="Rules of alerts to raise: docs/alerts.md.")] = None,
    asr: Annotated[str | None, typer.Option(help="auto, none, faster-whisper:small, openai-whisper:base, pocketsphinx.")] = None,
    diarizer: Annotated[str | None, typer.Option(help="auto, none, channels, embedded, pyannote.")] = None,
    text: Annotated[
        str | None, typer.Option(metavar="SPEC", help="What reads the words: default, default:FOLDER, transformers:PATH_OR_ID.")
    ] = None,
    acoustic: Annotated[str | None, typer.Option(metavar="SPEC", help="What hears the voice: as --text.")] = None,
    llm: Annotated[
        str | None, typer.Option(metavar="SPEC", help="A language model as a channel: openai:URL#MODEL, transformers:PATH, vllm:MODEL.")
    ] = None,
    llm_prompt: Annotated[
        str | None, typer.Option(metavar="NAME|FILE.toml", help="How it is asked: a name from `convemo prompts list`, or your own file.")
    ] = None,
    denoise: Annotated[str | None, typer.Option(help="Noise reduction before voices are judged: none, webrtc:1 to webrtc:4.")] = None,
    channels: Annotated[str | None, typer.Option(help="Which opinions: text,acoustic,llm,fused.")] = None,
    policy: Annotated[str | None, typer.Option(help="text-only; exclude:agent,NAME.")] = None,
    role: Annotated[list[str] | None, typer.Option(metavar="WHO=ROLE", help="channel:0=agent, Ana=customer; repeatable.")] = None,
    speakers: Annotated[int | None, typer.Option(help="How many people speak, if you know.")] = None,
    enroll: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="A recording of a known voice: Ana=ana.wav; repeatable. Off by default.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="What is spoken, e.g. en; else what is transcribed is detected, and a transcript taken for English.")
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Have Whisper translate other languages into English.")] = False,
    weights: Annotated[str | None, typer.Option(help="all, or permissive: only weights that allow commercial use.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="TOML", help="Settings from a file; options win over it.")] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="Let later utterances inform earlier ones.")] = False,
    describe: Annotated[bool, typer.Option("--describe", help="Describe each voice in numbers: pitch, loudness, rate, formants.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a conversation, a line each, and nothing else.")] = False,
) -> None:
    """Analyse recordings and transcripts."""
    from convemo.commands import analyze as command

    settings = {
        "asr": asr,
        "diarizer": diarizer,
        "text": text,
        "acoustic": acoustic,
        "llm": llm,
        "llm_prompt": llm_prompt,
        "denoise": denoise,
        "channels": channels,
        "policy": policy,
        "num_speakers": speakers,
        "language": language,
        "translate": translate or None,
        "weights": weights,
        "smooth": smooth or None,
        "describe": describe or None,
        "offline": offline or None,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    raise typer.Exit(command.run(files, transcript, out, format, role or [], config, given, json, enroll or [], alerts))


@app.command()
def batch(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Files, folders, 'globs*', manifests (CSV, JSONL).")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of results. The same command goes on where a run stopped.")],
    workers: Annotated[int | None, typer.Option(min=1, help="How many at a time; as many as there are processors if not given.")] = None,
    format: Annotated[str, typer.Option(help="parquet (always written), csv, jsonl; several with commas.")] = "parquet",
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
    redact: Annotated[str | None, typer.Option(metavar="WHAT", help="Take out of all texts, before all else: numbers,emails.")] = None,
    purpose: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in run.json.")] = None,
    cache_gb: Annotated[float, typer.Option(metavar="GB", min=0, help="How much of what stages make is kept; 0 as --no-cache.")] = 2.0,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no stages.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster; Ray on this machine if not given.")] = None,
    asr: Annotated[str | None, typer.Option(help="As for analyze, and so are all that follow.")] = None,
    diarizer: Annotated[str | None, typer.Option()] = None,
    text: Annotated[str | None, typer.Option(metavar="SPEC")] = None,
    acoustic: Annotated[str | None, typer.Option(metavar="SPEC")] = None,
    llm: Annotated[str | None, typer.Option(metavar="SPEC")] = None,
    llm_prompt: Annotated[str | None, typer.Option(metavar="NAME|FILE.toml")] = None,
    denoise: Annotated[str | None, typer.Option()] = None,
    channels: Annotated[str | None, typer.Option()] = None,
    fusion: Annotated[str | None, typer.Option(metavar="FOLDER", help="What `convemo train fusion` made.")] = None,
    policy: Annotated[str | None, typer.Option(help="text-only; exclude:agent,NAME.")] = None,
    role: Annotated[list[str] | None, typer.Option(metavar="WHO=ROLE")] = None,
    speakers: Annotated[int | None, typer.Option()] = None,
    enroll: Annotated[list[str] | None, typer.Option(metavar="NAME=FILE")] = None,
    language: Annotated[str | None, typer.Option()] = None,
    translate: Annotated[bool, typer.Option("--translate")] = False,
    weights: Annotated[str | None, typer.Option(help="all, permissive.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="TOML")] = None,
    smooth: Annotated[bool, typer.Option("--smooth")] = False,
    describe: Annotated[bool, typer.Option("--describe")] = False,
    offline: Annotated[bool, typer.Option("--offline")] = False,
) -> None:
    """Analyse any number of conversations into one folder; killed at any moment, the same command goes on. Needs convemo[batch]."""
    from convemo.commands import batch as command

    settings = {
        "asr": asr,
        "diarizer": diarizer,
        "text": text,
        "acoustic": acoustic,
        "llm": llm,
        "llm_prompt": llm_prompt,
        "denoise": denoise,
        "channels": channels,
        "fusion": fusion,
        "policy": policy,
        "num_speakers": speakers,
        "language": language,
        "translate": translate or None,
        "weights": weights,
        "smooth": smooth or None,
        "describe": describe or None,
        "offline": offline or None,
    }
    status = command.run(
        inputs,
        out,
        formats=format,
        roles=role or [],
        enroll=enroll or [],
        config=config,
        settings={name: value for name, value in settings.items() if value is not None},
        workers=workers,
        engine=engine,
        address=address,
        redact=redact,
        purpose=purpose,
        cache=0 if no_cache else cache_gb,
        retry_failed=retry_failed,
        dry_run=dry_run,
    )
    raise typer.Exit(status)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the tables utterances and calls.")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="The folder that `convemo batch` wrote.")],
    format: Annotated[str | None, typer.Option(help="table (if not given), csv, json.")] = None,
) -> None:
    """Ask the results of a batch in SQL. Reads nothing else, and writes nothing. Needs convemo[batch]."""
    from convemo.commands import query as command

    command.run(sql, results, format)


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any transcript that is read: docs/transcripts.md lists them.")],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="A file: .json, .jsonl, .csv, .vtt, .srt, .txt, .rttm; or a folder, with --to.")
    ],
    to: Annotated[str | None, typer.Option(metavar="FORM", help="json, jsonl, csv, vtt, srt, txt, rttm; else by OUT's suffix.")] = None,
    format: Annotated[str | None, typer.Option("--from", metavar="FORMAT", help="What IN is, e.g. genesys; else found out.")] = None,
    conversation: Annotated[str | None, typer.Option(metavar="ID", help="Only this one of several conversations.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write any transcript in another form, and say what has no place there."""
    from convemo.commands import convert as command

    raise typer.Exit(command.run(source, out, to=to, format=format, conversation=conversation, force=force))


@app.command()
def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="The folder that `convemo batch` wrote, or one saved analysis (.json).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="Where the page goes.")] = Path("report.html"),
    pages: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Folder: how many calls get their own page, the worst first; 100 if not given.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One analysis: its recording, to listen to; linked, not copied.")
    ] = None,
    embed_audio: Annotated[bool, typer.Option("--embed-audio", help="Put the recording into the page.")] = False,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Folder: no links to the recordings.")] = False,
    alerts: Annotated[Path | None, typer.Option(metavar="TOML", help="Alert rules; else those the analyses were made with.")] = None,
) -> None:
    """Make a page to read: of one call, or of a whole batch. It fetches nothing."""
    from convemo.commands import report as command

    status = command.run(results, out, pages=pages, audio=audio, embed=embed_audio, no_audio=no_audio, alerts=alerts)
    raise typer.Exit(status)


@models_app.command("list")
def models_list(json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False) -> None:
    """What is shipped, for which channel, under which licence."""
    from convemo.commands import models

    models.show(json)


@models_app.command("path")
def models_path(name: Annotated[str, typer.Argument(help="A name that `convemo models list` shows.")]) -> None:
    """The folder of one model: its card, manifest and files."""
    from convemo.commands import models

    models.path(name)


@prompts_app.command("list")
def prompts_list(json: Annotated[bool, typer.Option("--json", help="One JSON object a prompt.")] = False) -> None:
    """The prompts that come with convemo."""
    from convemo.commands import prompts

    prompts.show_all(json)


@prompts_app.command("show")
def prompts_show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.toml", help="A name that `convemo prompts list` shows, or your own file.")],
    file: Annotated[str | None, typer.Argument(metavar="[TRANSCRIPT]", help="A conversation; without it only what is always sent.")] = None,
    utterance: Annotated[int | None, typer.Option(metavar="N", help="The utterance to ask about, counted from 1; else the last.")] = None,
    order: Annotated[int, typer.Option(metavar="N", help="Which order of the options, counted from 1.")] = 1,
    policy: Annotated[str | None, typer.Option(help="As for analyze: exclude:agent,NAME.")] = None,
) -> None:
    """What is sent to the model, word by word."""
    from convemo.commands import prompts

    prompts.show(name, file, utterance, order, policy)


@app.command()
def doctor(json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False) -> None:
    """Which engines and weights are usable here, why the others are not, and the one command that mends each."""
    from convemo.commands import doctor as command

    command.show(json)


@app.command()
def train(
    what: Annotated[Trainable, typer.Argument(help="What to train.")],
    config: Annotated[Path | None, typer.Argument(metavar="[CONFIG.toml]", help="Its settings; by default those of what we ship.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE.jsonl", help="The folder of data sets (else $CONVEMO_DATA), or your own data.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the model goes; runs/WHAT by default.")] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SPEC", help="fusion: a channel, or predictions on disk: llm=answers.jsonl; repeatable."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(metavar="default|FOLDER|transformers:PATH", help="text, acoustic, llm: the model to start from.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the config's.")] = None,
    fold: Annotated[int | None, typer.Option(min=1, max=6, metavar="1-6", help="acoustic: the fold of EmoBox to train for.")] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="llm: write OUT/merged too, a plain checkpoint; of a finished training, that alone.")
    ] = False,
) -> None:
    """Train a channel or the fusion, as the shipped weights were or on your own data. Needs convemo[train]."""
    from convemo.commands import train as command

    data, out = data or Path(os.environ.get("CONVEMO_DATA", "data")), out or Path("runs") / what.value
    if merge and what is Trainable.llm and (out / "model").is_dir():
        command.merge(out)
    else:
        command.run(what.value, config, data, out, channel=channel, init=init, seed=seed, fold=fold, merge=merge or None)


@app.command("eval")
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


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A/results.json", help="What `convemo eval` wrote, the old one; or its folder.")],
    second: Annotated[Path, typer.Argument(metavar="B/results.json", help="The new one, on the same data.")],
    system: Annotated[
        list[str] | None, typer.Option(metavar="NAME|OLD=NEW", help="Compare this system only, or these two; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write the comparison; without it it is only shown.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Draws of the bootstrap.")] = 5000,
) -> None:
    """What got better from one evaluation to another, and what got worse: by metric, emotion and slice, with paired tests."""
    from convemo.commands import compare as command

    command.run(first, second, system=system or [], out=out, resamples=resamples)


def main() -> None:
    """Runs the command line; every error that convemo raises on purpose becomes one line and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file's name may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:  # `convemo … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        from convemo.errors import ConvemoError

        if not isinstance(error, ConvemoError):
            raise
        print(f"convemo: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
