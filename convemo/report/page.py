"""The frame of a page: it fetches nothing, runs nothing but its own script, and shows whatever a transcript holds as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
"""What has no place in HTML."""
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of all that follows. They are left out: an isolate that is never closed would swallow the end of its
element (UAX #9, BD9), and turn what the page itself says of the utterance. The script of each text gives its direction."""


def frame(
    title: str,
    header: str,
    sections: Iterable[str],
    script: str,
    data: Any = None,
    media: str = "",
    navigation: Mapping[str, str] | None = None,
) -> str:
    """The whole page.

    Args:
        title: of the tab, plain text.
        header, sections: HTML, everything in it escaped.
        script: the name of the script beside this module; browsers run that one, by its hash, and no other.
        data: what the script needs, as JSON.
        media: where sound may come from, as a Content-Security-Policy names it; nowhere if empty.
        navigation: id of a section → what the link to it says; links to sections that are not there are left out.
    """
    style, code = _read("style.css"), _read(script)
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(code)}; base-uri 'none'; form-action 'none'"
    policy += f"; media-src {media}" if media else ""
    body = "\n".join(part for part in sections if part)
    links = "".join(f'<li><a href="#{id}">{name}</a></li>' for id, name in (navigation or {}).items() if f'<section id="{id}"' in body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta name="referrer" content="no-referrer"><meta name="generator" content="convemo"><title>{line(title)}</title>'
        f'<style>{style}</style></head>\n<body><a class="skip" href="#main">To the content</a>{header}\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main id="main" tabindex="-1">{body}</main>\n'
        f"<footer><p>{_FOOTER}</p></footer>\n"
        f'<script type="application/json" id="data">{embedded(data)}</script><script>{code}</script></body></html>\n'
    )


def text(value: object) -> str:
    """Foreign text as HTML, in an element of its own so that its direction of writing ends with it.

    >>> text("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    return f"<bdi>{escape(clean(str(value)))}</bdi>"


def clean(value: str) -> str:
    """Without what HTML cannot hold, and without marks that reach beyond the text."""
    return _CONTROL.sub(_REPLACED, _TURNING.sub("", value))


def line(value: object) -> str:
    """Foreign text where there can be no element: in a title or an attribute."""
    return escape(clean(" ".join(str(value).split())))


def embedded(data: Any) -> str:
    r"""JSON that no text in it can leave: ASCII alone, and nothing that HTML reads as a tag or an entity.

    >>> print(embedded("</script>"))
    "\u003c/script\u003e"
    """
    dumped = json.dumps(_cleaned(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cleaned(data: Any) -> Any:
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, Mapping):
        return {_cleaned(name): _cleaned(value) for name, value in data.items()}
    return [_cleaned(value) for value in data] if isinstance(data, list | tuple) else data


def section(id: str, title: str, *body: str, note: str = "") -> str:
    """A part that the navigation leads to; nothing if there is nothing in it."""
    inner = "".join(body)
    if not inner:
        return ""
    told = f'<p class="note">{note}</p>' if note else ""
    return f'<section id="{id}" aria-labelledby="{id}-title"><h2 id="{id}-title">{escape(title)}</h2>{inner}{told}</section>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Large figures with what they are."""
    return '<dl class="facts">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs) + "</dl>"


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A table of ready HTML cells; the first of a row is its heading, and `name` is for those who hear the page."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows)
    inner = f'<table class="{css}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">{inner}</div>'


def emotion(label: str, css: str) -> str:
    """A label with its colour; the colour alone never says anything."""
    return f'<span class="emotion"><i class="dot {css}"></i>{escape(label)}</span>'


KNOWN = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
_OTHERS = 4


def classes_of(labels: Sequence[str]) -> dict[str, str]:
    """Label → the class of the stylesheet that has its colour. A model may have labels of its own, of any wording."""
    others = [label for label in labels if label not in KNOWN]
    return {label: label if label in KNOWN else f"other{others.index(label) % _OTHERS}" for label in labels}


def percent(share: float | None) -> str:
    """
    >>> percent(0.254), percent(None), percent(0.004)
    ('25 %', '–', 'under 1 %')
    """
    if share is None:
        return "–"
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _hash(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


_FOOTER = (
    "Emotion here means the emotion expressed, as annotators would label it, not what anybody felt. Scores are probabilities and can be "
    "wrong: listen before you act. This page fetches nothing and sends nothing."
)
