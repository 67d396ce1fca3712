"""``convemo prompts``: how language models are asked, and what exactly is sent."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from convemo.config import AnalyzerConfig
from convemo.dialogue.align import align
from convemo.dialogue.roles import assign_roles
from convemo.errors import ConfigError
from convemo.llm.prompt import Prompt, shipped
from convemo.llm.questions import Asked, Order, ask, nulls, orders
from convemo.readers import read_transcripts


def show_all(json: bool) -> None:
    """One row a prompt; as JSON, one object a line, with all that it says."""
    if json:
        for prompt in shipped():
            print(json_module.dumps({"name": prompt.name, "sha256": prompt.sha256} | prompt.model_dump(mode="json")))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("name", "what it gives the model", "labels", "history", "sha256"):
        table.add_column(column, no_wrap=True)
    for prompt in shipped():
        table.add_row(prompt.name, prompt.about, str(len(prompt.labels)), str(prompt.history), prompt.sha256[:12])
    Console(highlight=False, **({} if sys.stdout.isatty() else {"width": 140})).print(table)


def show(name: str, file: str | None, utterance: int | None, order: int, policy: str | None) -> None:
    """The system message and the user's, as an engine gets them; the engine's own chat template comes round them.

    Args:
        name: a prompt, or its file.
        file: a transcript; without it the question about nothing is shown, which null-input calibration asks.
        utterance: which one, counted from 1 among all of the conversation; the last that the model is shown if not given.
        order: which order of the options, counted from 1.
        policy: whom the model is not shown.

    Raises:
        ConvemoError: there is no such prompt, file, utterance or order; or the utterance is not asked about.
    """
    prompt = Prompt.load(name)
    every = orders(len(prompt.labels))
    if not 1 <= order <= len(every):
        raise ConfigError(f"an order of the options from 1 to {len(every)}", str(order))
    one = every[order - 1]
    question = nulls(prompt, (one,))[0][0] if file is None else _asked(file, policy, prompt, one, utterance).questions[0]
    meaning = ", ".join(f"{option} is {label}" for option, label in zip(question.options, question.labels))
    print(f"--- system ({prompt.name}, sha256 {prompt.sha256})\n{question.static}\n--- user\n{question.user}\n--- {meaning}")


def _asked(file: str, policy: str | None, prompt: Prompt, order: Order, utterance: int | None) -> Asked:
    """How the model is asked about an utterance of a transcript's first conversation; it is shown only what the policy shows."""
    transcript = read_transcripts(file)[0]
    config = AnalyzerConfig.make(**({"policy": policy} if policy else {}))
    dialogue = assign_roles(align(transcript, id=transcript.id or file), config.roles)
    visible, excluded = list(config.policy.visible(dialogue)), config.policy.exclusions(dialogue)
    index = max(visible, default=len(dialogue) - 1) if utterance is None else utterance - 1
    if not 0 <= index < len(dialogue):
        raise ConfigError(f"an utterance from 1 to {len(dialogue)} of {file}", str(index + 1))
    if index in visible:
        shown = replace(dialogue, utterances=tuple(dialogue[i] for i in visible))
        asked = next(ask(shown, prompt, (order,), visible.index(index)))
    else:
        asked = Asked(index, (), excluded[dialogue[index].speaker])
    if asked.reason is not None:
        raise ConfigError(f"an utterance that is asked about, in {file}", f"number {index + 1}: {asked.reason}")
    return asked
