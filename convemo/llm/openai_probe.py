"""Finding out what a server can do, by asking it: none says so in advance, and some take a request for more than they do.

Every request is one token long, or a few, and about nothing: no word of any conversation is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.openai_options import chosen, from_tops
from convemo.llm.openai_server import KEY, Refused, Server, Unanswered
from convemo.llm.openai_wire import CONSTRAINTS, NOT_THINKING, SAMPLE_TOKENS, SAMPLERS, Form, Reply, Tops

TOPS = (100, 20, 10, 5, 2)
"""Numbers of log-probabilities that are asked for, until one is granted: vLLM, Ollama and OpenAI stop at 20, TGI at 5 (unless told)."""
MORE = 5000
"""How many are asked for where the options are not among the first 100, if so many are granted (llama.cpp does)."""

_LETTER = ("Answer with one letter and nothing else.", "Which letter comes first in the alphabet? Options: A, B.", ("A", "B"))
_HELLO = ("You are polite.", "Say hello.", ("Q", "Z"))
"""Nobody answers Q or Z to that, unless nothing else is allowed."""
_DICE = ("You are a random number generator.", "Write a random number between 1 and 1000000, digits only.")
_THROWS = 4


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server turned out to be able to do, and so how it is asked."""

    model: str
    form: Form
    """How a question is put to it."""
    how: str
    """``"logprobs"`` or ``"samples"``."""
    more: int = 0
    """How many log-probabilities may be asked for a second time, where the first did not hold every option; 0 for no more."""
    exact: bool = False
    """Whether its log-probabilities are over the options alone."""
    random: bool = True
    """For samples: whether it answers differently when it is asked again."""
    caches: bool = False
    """Whether it says how much of a prompt it had in its cache."""


async def probe(server: Server) -> Capabilities:
    """Asks a server about a dozen things, each of one token.

    Raises:
        Unanswered: it does not answer.
        ConfigError: it lacks the model, or has several and none was named, or is no such server.
        EngineUnavailable: it wants a key.
    """
    try:
        names = await server.models()
        model = server.address.model or _only(names, server.address.url)
        form, reply = await _spoken(server, model, names)
    except Refused as error:
        if error.status in (401, 403):
            hint = f"Put its key into the environment variable {KEY}."
            raise EngineUnavailable(f"a key that {server.address.url} accepts", f"HTTP {error.status}", hint) from error
        raise
    form, reply = await _with_log_probabilities(server, model, form, reply)
    form, reply = await _without_thinking(server, model, form, reply)
    caches = reply.cached_tokens is not None
    if not form.top:
        return await _sampling(server, model, form, caches)
    exact = await _constrained(server, model, form)
    if exact is not None:
        return Capabilities(model, exact, "logprobs", exact=True, caches=caches)
    return Capabilities(model, form, "logprobs", more=await _more(server, model, form), caches=caches)


def _only(names: tuple[str, ...], url: str) -> str:
    if len(names) == 1:
        return names[0]
    found = f"{len(names)} of them: {_listed(names)}" if names else "none that it names"
    raise ConfigError(f"one model at {url}", found, f"Name one after a #, as in openai:{url}#{names[0] if names else 'MODEL'}.")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")


async def _spoken(server: Server, model: str, names: tuple[str, ...]) -> tuple[Form, Reply]:
    """Whether it speaks chat, as it should, or completions alone: a base model has no template for a chat."""
    refusals = []
    for form in (Form(temperature=1.0), Form(chat=False, temperature=1.0)):
        try:
            return form, await server.ask(form, model, *_LETTER)
        except Refused as error:
            if error.status in (401, 403):
                raise
            refusals.append(error)
        except Unanswered as error:
            if not form.chat or server.breaker.tripped or not str(error).startswith("HTTP 5"):
                raise
    url, said = server.address.url, next((error.complaint for error in refusals if error.complaint), "")
    found = f"HTTP {refusals[-1].status}" + (f": {said}" if said else "")
    if names and model not in names:
        raise ConfigError(f"the model {model!r} at {url}", found, f"It has {_listed(names)}.")
    hint = "Most servers want /v1 at the end of the address." if not url.endswith("/v1") else "Is the model's name right?"
    raise ConfigError(f"a server that speaks OpenAI's protocol at {url}, and has the model {model!r}", found, hint)


async def _with_log_probabilities(server: Server, model: str, form: Form, reply: Reply) -> tuple[Form, Reply]:
    """The most log-probabilities it gives; the form as it was if it gives none, whatever it says to being asked.

    Most servers tell the model's own, at whatever temperature. Some tell those after the temperature, which at 0 are no distribution, and
    TGI refuses 0. So a temperature of 0 is kept, for the sake of the same answer every time, where it makes no difference.
    """
    at_one, answer = await _most(server, model, replace(form, temperature=1.0))
    if answer is None:
        return form, reply
    at_zero, same = await _most(server, model, replace(form, temperature=0.0), (at_one.top,))
    if same is not None and _agree(same.tops or (), answer.tops or ()):
        return at_zero, same
    return at_one, answer


async def _most(server: Server, model: str, form: Form, tops: tuple[int, ...] = TOPS) -> tuple[Form, Reply | None]:
    for top in tops:
        try:
            answer = await server.ask(asked := replace(form, top=top), model, *_LETTER)
        except Refused:
            continue  # so many are too many
        except Unanswered as error:
            if server.breaker.tripped or not str(error).startswith("HTTP 5"):
                raise
            return form, None  # the wish breaks it
        # Fewer than two: it takes the wish and ignores it, or tells of the token it chose alone.
        return asked, answer if len(answer.tops or ()) > 1 else None
    return form, None


def _agree(one: Tops, other: Tops) -> bool:
    """Whether two answers tell the same log-probabilities of the likeliest tokens, within what a batch more or less changes."""
    others = dict(other)
    common = [(logprob, others[token]) for token, logprob in one[:5] if token in others]
    return len(common) > 1 and all(abs(a - b) < 0.1 for a, b in common)


async def _more(server: Server, model: str, form: Form) -> int:
    if form.top < TOPS[0]:
        return 0
    try:
        tops = (await server.ask(replace(form, top=MORE), model, *_LETTER)).tops or ()
    except Unanswered as error:
        _lives(server, error)
        return 0
    return MORE if len(tops) > form.top else 0


async def _without_thinking(server: Server, model: str, form: Form, reply: Reply) -> tuple[Form, Reply]:
    """Where a model does not answer with its first token, a way to have it answer at once, if there is one that helps."""

    def answers(said: Reply) -> float:
        if form.top:
            scored = from_tops(_LETTER[2], said.tops or ())
            return scored.mass if scored else 0.0
        return 1.0 if not said.thought and chosen(_LETTER[2], said.text) else 0.0

    if answers(reply) > 0.5 or not form.chat:
        return form, reply
    best, best_reply = form, reply
    for extras in NOT_THINKING:
        asked = replace(form, extras=extras)
        try:
            said = await server.ask(asked, model, *_LETTER)
        except Unanswered as error:
            _lives(server, error)
            continue
        if answers(said) > max(2 * answers(best_reply), 0.1):
            best, best_reply = asked, said
    return best, best_reply


async def _constrained(server: Server, model: str, form: Form) -> Form | None:
    """A way to have log-probabilities over the options alone, if it has one."""
    for name in CONSTRAINTS:
        if name == "json_schema":
            continue
        asked = replace(form, constraint=name)
        try:
            tops = (await server.ask(asked, model, *_HELLO)).tops or ()
        except Unanswered as error:
            _lives(server, error)
            continue
        scored = from_tops(_HELLO[2], tops)
        if scored is not None and not scored.bounded and scored.mass > 0.99:
            return asked
    return None


async def _sampling(server: Server, model: str, form: Form, caches: bool) -> Capabilities:
    """How to draw answers from a server that gives nothing better."""
    form = replace(form, top=0, temperature=1.0, max_tokens=SAMPLE_TOKENS)
    random = False
    for extras in SAMPLERS.values():
        asked = replace(form, extras={**form.extras, **extras})
        try:
            thrown = {(await server.ask(asked, model, *_DICE, seed=seed)).text for seed in range(_THROWS)}
        except Unanswered as error:
            _lives(server, error)
            continue
        if len(thrown) > 1:
            form, random = asked, True
            break
    for name in CONSTRAINTS:
        asked = replace(form, constraint=name)
        try:
            if chosen(_HELLO[2], (await server.ask(asked, model, *_HELLO)).text):
                form = asked
                break
        except Unanswered as error:
            _lives(server, error)
            continue
    return Capabilities(model, form, "samples", random=random, caches=caches)


def _lives(server: Server, error: Unanswered) -> None:
    """A field that it does not know breaks some servers' answer; that is no sign of their being down."""
    if str(error).startswith("HTTP 5"):
        server.breaker.succeeded()
