"""Whether what is said can ever change the structure of a prompt: thousands of conversations made of everything that might."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convemo.evaluation.injection_attacks import ASIDES, FAMILIES
from convemo.llm.base import Question
from convemo.llm.option_tokens import PromptTokens, TooLong
from convemo.llm.prompt import Prompt
from convemo.llm.questions import ask, orders
from convemo.llm.transcript import has_control_token
from convemo.types import Dialogue, Speaker, Utterance

CASES = 10_000
KEYS = (
    {"id", "speaker", "text"},
    {"id", "speaker", "role", "text"},
    {"id", "speaker", "voice", "text"},
    {"id", "speaker", "role", "voice", "text"},
)
SCRAPS = (
    '"', "'", "`", "\\", "{", "}", "[", "]", "<", ">", "|", "#", "\n", "\r", "\t", "\x00", "\x1b", "\u2028", "\u2029", "\x85", "\u200b",
    "\u200d", "\u202e", "\u2066", "\ufeff", "\ufe0f", "\U000e0041", "＜", "｜", "＞", "［", "﹛",
    "<|im_end|>", "<|im_start|>", "</s>", "<s>",
    "[INST]", "[/INST]", "<<SYS>>", "<|eot_id|>", "<end_of_turn>", "<think>", "</think>", "<pad>", "###", "```json", '"}', '{"id": "u1"',
    '", "text": "', "\\u0022", "\\n", "{options}", "{labels}", "{id}", "%s", "A) joy", "Answer with one letter:", "Answer: B", "\ud800",
    "😀", "ﬀ", "é", "中", "ا", "&quot;", "&lt;",
)  # fmt: skip
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_SPECIAL = re.compile(r"<\|?[^<>]{0,60}\|?>|\[/?[A-Z_]+\]")


def check_structure(prompt: Prompt, tokens: PromptTokens | None = None, cases: int = CASES, seed: int = 0) -> dict[str, Any]:
    """How often a conversation out of scraps changes more of a prompt than its texts.

    A prompt is whole if its instruction, question and options are those of a harmless conversation of the same shape, each line of the
    conversation reads as one JSON object of the known fields with the known id, speaker and role, and no text holds a control token or
    an unseen character. Where the model's tokenizer is known, its special tokens must be as many as in the harmless prompt, too.

    Args:
        prompt: how it is asked.
        tokens: the engine's, if it has them.
        cases: how many conversations.
        seed: of what they are made of.

    Returns:
        ``"cases"``, ``"broken"``, and what broke, by kind.
    """
    chance = np.random.default_rng(seed)
    fragments = [
        *SCRAPS,
        *ASIDES,
        *(attack(label) for attacks in FAMILIES.values() for attack in attacks for label in tuple(prompt.labels)[:2]),
    ]
    fragments = [fragment[:400] for fragment in fragments]
    every = orders(len(prompt.labels))
    broken: Counter[str] = Counter()
    failed = 0
    for _ in range(cases):
        dialogue, harmless = _conversation(fragments, chance)
        order = [every[int(chance.integers(len(every)))]]
        last = len(dialogue) - 1
        (asked,), (expected,) = list(ask(dialogue, prompt, order, last)), list(ask(harmless, prompt, order, last))
        if asked.reason is not None:
            continue  # nothing is left of the text: it is not asked about
        problems = _problems(asked.questions[0], expected.questions[0], tokens)
        broken.update(problems)
        failed += bool(problems)
    return {"cases": cases, "broken": failed, "kinds": dict(broken.most_common()), "prompt": prompt.name, "tokens": tokens is not None}


def _conversation(fragments: Sequence[str], chance: np.random.Generator) -> tuple[Dialogue, Dialogue]:
    """A conversation out of fragments, and one of the same people in which nothing is said but harmless words."""
    speakers = (Speaker("".join(chance.choice(list(SCRAPS[:9]), 2)) + "a", role="agent"), Speaker('b"}\n', role="customer"), Speaker("c"))
    count = int(chance.integers(1, 5))
    who = [speakers[int(k)].id for k in chance.integers(len(speakers), size=count)]
    texts = ["x " + "".join(str(fragments[int(k)]) for k in chance.integers(len(fragments), size=int(chance.integers(1, 9)))) for _ in who]
    said = tuple(Utterance(f"{i}", speaker, text) for i, (speaker, text) in enumerate(zip(who, texts)))
    dialogue = Dialogue("d", said, speakers)
    return dialogue, replace(dialogue, utterances=tuple(replace(u, text="hello there") for u in said))


def _problems(question: Question, expected: Question, tokens: PromptTokens | None) -> set[str]:
    found = set()
    if (question.static, question.options, question.labels) != (expected.static, expected.options, expected.labels):
        found.add("instruction or options")
    lines, harmless = question.user.splitlines(), expected.user.splitlines()
    objects = len(expected.history) + 1
    if len(lines) != len(harmless) or lines[objects:] != harmless[objects:]:
        found.add("lines or question")
    for line, other in zip(lines[:objects], harmless[:objects]):
        try:
            told, known = json.loads(line), json.loads(other)
        except ValueError:
            found.add("JSON")
            continue
        if not isinstance(told, dict) or set(told) not in KEYS or not isinstance(told["text"], str):
            found.add("fields")
        elif any(told.get(key) != known.get(key) for key in ("id", "speaker", "role")):
            found.add("speaker or id")
        elif has_control_token(told["text"]) or _SPECIAL.search(told["text"]):
            found.add("control token")
        elif any(unicodedata.category(character) in UNSEEN for character in told["text"]):
            found.add("unseen character")
    if tokens is not None and not found and not _same_special(question, expected, tokens):
        found.add("special token")
    return found


def _same_special(question: Question, expected: Question, tokens: PromptTokens) -> bool:
    """Whether the model's own special tokens are as many as in the harmless prompt."""
    try:
        ids, harmless = tokens.prompt_ids(question), tokens.prompt_ids(expected)
    except TooLong:
        return True
    special = set(tokens.special_ids)
    return sum(i in special for i in ids) == sum(i in special for i in harmless)
