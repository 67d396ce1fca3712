"""The options that say how a conversation is analysed, which ``analyze`` and ``batch`` share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

OPTIONS: dict[str, Any] = {
    "asr": Annotated[str | None, typer.Option(help="auto, none, faster-whisper:small, openai-whisper:base, pocketsphinx.")],
    "diarizer": Annotated[str | None, typer.Option(help="auto, none, channels, embedded, pyannote.")],
    "text": Annotated[
        str | None, typer.Option(metavar="SPEC", help="What reads the words: default, default:FOLDER, transformers:PATH_OR_ID.")
    ],
    "acoustic": Annotated[str | None, typer.Option(metavar="SPEC", help="What hears the voice: as --text.")],
    "llm": Annotated[
        str | None, typer.Option(metavar="SPEC", help="A language model as a channel: openai:URL#MODEL, transformers:PATH, vllm:MODEL.")
    ],
    "llm_prompt": Annotated[
        str | None, typer.Option(metavar="NAME|FILE.toml", help="How it is asked: a name from `convemo prompts list`, or your own file.")
    ],
    "denoise": Annotated[str | None, typer.Option(help="Noise reduction before voices are judged: none, webrtc:1 to webrtc:4.")],
    "channels": Annotated[str | None, typer.Option(help="Which opinions: text,acoustic,llm,fused.")],
    "fusion": Annotated[str | None, typer.Option(metavar="FOLDER", help="What `convemo train fusion` made, in place of the shipped one.")],
    "policy": Annotated[str | None, typer.Option(help="text-only; exclude:agent,NAME.")],
    "roles": Annotated[list[str] | None, typer.Option("--role", metavar="WHO=ROLE", help="channel:0=agent, Ana=customer; repeatable.")],
    "num_speakers": Annotated[int | None, typer.Option("--speakers", help="How many people speak, if you know.")],
    "enroll": Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="A recording of a known voice: Ana=ana.wav; repeatable. Off by default."),
    ],
    "language": Annotated[
        str | None,
        typer.Option(help="What is spoken, e.g. en; else what is transcribed is detected, and a transcript taken for English."),
    ],
    "translate": Annotated[bool | None, typer.Option("--translate", help="Have Whisper translate other languages into English.")],
    "weights": Annotated[str | None, typer.Option(help="all, or permissive: only weights that allow commercial use.")],
    "config": Annotated[Path | None, typer.Option(metavar="TOML", help="Settings from a file; options win over it.")],
    "smooth": Annotated[bool | None, typer.Option("--smooth", help="Let later utterances inform earlier ones.")],
    "describe": Annotated[bool | None, typer.Option("--describe", help="Describe each voice in numbers: pitch, loudness, rate, formants.")],
    "offline": Annotated[bool | None, typer.Option("--offline", help="Never use the network.")],
}
"""Most by the names of `convemo.config.AnalyzerConfig`; ``None`` where nothing was said."""


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command with `OPTIONS` in its help where its parameter ``how`` stands.

    That gets the arguments by which `convemo.commands` takes them: ``config``, ``roles``, ``enroll`` and, of all others, ``settings``.
    """
    hints = get_type_hints(command, include_extras=True)
    own = [one.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in signature(command).parameters.values()]
    shared = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=option) for name, option in OPTIONS.items()]
    place = [one.name for one in own].index("how")
    parameters = [*own[:place], *shared, *own[place + 1 :]]

    @wraps(command)
    def run(**options: Any) -> None:
        given = {name: options.pop(name) for name in OPTIONS}
        how = {"config": given.pop("config"), "roles": given.pop("roles") or [], "enroll": given.pop("enroll") or []}
        command(**options, how=how | {"settings": {name: value for name, value in given.items() if value is not None}})

    run.__signature__ = Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
