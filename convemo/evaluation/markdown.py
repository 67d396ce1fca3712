"""Tables as Markdown has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def markdown_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    r"""Rows of cells, the first of them the heads.

    Args:
        rows: equally long.
        left: the columns that are set left; all others are numbers.

    >>> print(markdown_table([["", "F1"], ["a|b", "0.5"]]))
    |  | F1 |
    | --- | ---: |
    | a\|b | 0.5 |
    """
    rule = ["---" if column in left else "---:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (rows[0], rule, *rows[1:]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")  # a label of somebody's data may hold anything
