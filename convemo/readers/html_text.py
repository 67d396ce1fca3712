"""What is said in a message that is written as HTML."""

from __future__ import annotations

import re

from convemo.readers.wording import tidy, unescape

# Neither part may hold "<" or ">", so that a message of brackets alone takes no more time than any other of its length.
_MARK = re.compile(r"(</?[A-Za-z][^<>]*>|<[!?][^<>]*>)")
_INLINE = re.compile(r"</?(?:a|abbr|b|big|code|em|font|i|mark|s|small|span|strong|sub|sup|u)(?:[\s/>])", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style|head|title|template)(?:[\s/>])", re.IGNORECASE)


def text_of(html: str) -> str:
    """HTML as one line of plain text: without tags, comments, scripts and styles; entities decoded; words of two blocks apart.

    It is for reading, not for showing in a page: what was written as ``&lt;b&gt;`` comes out as ``<b>``.

    >>> text_of("<p>It <b>broke</b>&nbsp;again.</p><style>p {}</style><ul><li>Twice!</li></ul>")
    'It broke again. Twice!'
    >>> text_of("1 &lt; 2 <3")
    '1 < 2 <3'
    """
    kept, hidden, comment = [], None, False
    for piece in _MARK.split(html):
        if comment:
            comment = "-->" not in piece
            kept.append(piece.partition("-->")[2] if not comment else "")
        elif hidden:
            if piece.casefold().startswith(f"</{hidden}"):
                hidden = None
        elif _MARK.match(piece):
            opened = _HIDDEN.match(piece)
            hidden = opened[1].casefold() if opened and not piece.endswith("/>") else None
            comment = piece.startswith("<!--") and not piece.endswith("-->")
            kept.append("" if _INLINE.match(piece) else " ")
        elif "<!--" in piece:
            comment = True
            kept.append(piece.partition("<!--")[0])
        else:
            kept.append(piece)
    return tidy(unescape("".join(kept)))
