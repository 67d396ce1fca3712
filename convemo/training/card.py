"""The papers of a trained model: its manifest (``model.json``), its figures (``figures.json``) and its card (``CARD.md``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convemo.training.run import write_json
from convemo.weights import MANIFEST, file_sha256


@dataclass(frozen=True, slots=True)
class Source:
    """One data set or model that went into the weights."""

    name: str
    licence: str
    """SPDX identifier."""
    url: str
    used: str = ""
    """What of it, and how, in a few words."""


@dataclass(frozen=True, slots=True)
class Card:
    """All that a reader needs to decide whether to use a model. Everything is said, nothing is inferred."""

    id: str
    title: str
    summary: str
    licence: str
    why_licence: str
    command: str
    """The command that makes it."""
    sources: Sequence[Source]
    figures: Sequence[Figures] = ()
    """Tables of figures."""
    limits: Sequence[str] = ()
    """What it is not good at, one sentence each."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of figures: one row a data set or condition."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]
    note: str = ""


def command(what: str, config: Path, data: str = "DATA") -> str:
    """The command that makes a model, without this machine's paths: a config in this package is named where the repository has it.

    >>> command("text", Path("/home/me/mine.toml"))
    'convemo train text mine.toml --data DATA --out OUT'
    """
    shipped = Path(config).resolve().parent == Path(__file__).resolve().parent / "configs"
    return f"convemo train {what} {'convemo/training/configs/' * shipped}{Path(config).name} --data {data} --out OUT"


def write_manifest(folder: Path, *, id: str, channel: str, licence: str, files: Sequence[str], made_by: str, **fields: Any) -> None:
    """Writes ``model.json``, signing for every file with its sha256.

    Args:
        folder: the model's folder.
        id: what the model is called in provenance.
        channel: the part it serves.
        licence: SPDX identifier of the weights.
        files: names of the files that the engine reads.
        made_by: the command that makes it.
        fields: whatever else the engine needs (``labels``, ``max_tokens``, ``trained_on`` …).
    """
    signed = {name: file_sha256(folder / name) for name in files}
    write_json(folder / MANIFEST, {"id": id, "channel": channel, "licence": licence, **fields, "files": signed, "made_by": made_by})


def write_card(folder: Path, card: Card) -> None:
    """Writes ``CARD.md``."""
    parts = [f"# {card.title}", f"`{card.id}` · licence **{card.licence}**", card.summary, "## Licence", card.why_licence]
    parts += [
        "## Made from",
        table(
            ("what", "licence", "how it was used"), [(f"[{s.name}]({s.url})" if s.url else s.name, s.licence, s.used) for s in card.sources]
        ),
    ]
    parts += ["## Made by", f"```shell\n{card.command}\n```"]
    if card.figures:
        parts.append("## Figures")
        for figures in card.figures:
            parts += [f"### {figures.title}", table(figures.columns, figures.rows)]
            parts += [figures.note] if figures.note else []
    if card.limits:
        parts += ["## Limits", "\n".join(f"- {limit}" for limit in card.limits)]
    (folder / "CARD.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; numbers to three places, nothing as a dash."""
    lines = [columns, ["---"] * len(columns), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    """A number to three places, nothing as a dash."""
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
