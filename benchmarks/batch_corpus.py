"""A corpus of service conversations made from templates: no two alike, with long and short utterances, and turns that get worse or better.

``python benchmarks/batch_corpus.py FOLDER [--dialogues 2000] [--seed 0]`` writes one WebVTT file a dialogue.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

PRODUCTS = (
    "router", "washing machine", "flight to Lisbon", "credit card", "gas meter", "phone contract", "laptop", "subscription", "parcel",
    "dishwasher",
)  # fmt: skip
NAMES = ["Maya", "Tom", "Aisha", "Luis", "Wei", "Nora", "Piotr", "Grace", "Omar", "Ines", "Jonas", "Priya"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "last week", "two weeks ago", "yesterday", "this morning"]
OPEN = (
    "Good morning, this is {agent} speaking, how may I help you with your {product} today?",
    "Thank you for calling, my name is {agent}. Could I have your order number, please?",
    "Hello {customer}, welcome back. What can I do for you?",
)
AGENT = (
    "Let me look that up for you, {customer}, it will take about {n} seconds.",
    "I see that your {product} was sent on {day}, with the number {n}.",
    "I am very sorry to hear that, I understand how annoying this must be.",
    "Could you tell me what it says on the label at the back?",
    "One moment.",
    "According to our records a technician came by on {day} between {h} and {k} o'clock, is that right?",
    "I can offer you a refund of {n} euros, or a new {product} by {day}.",
    "Okay.",
    "I have put a note on your account, so whoever answers the next time will know what this is about.",
)
UPSET = (
    "This is the {nth} time that I call about my {product}, and nobody does anything!",
    "I waited for {n} minutes and then the line was cut. That is just ridiculous.",
    "No, that is not right at all, I paid {n} euros for this on {day}!",
    "I am really worried that the {product} will never come, my daughter needs it on {day}.",
    "I feel let down, honestly. I have been a customer for {k} years.",
    "That is disgusting, it smelled of burnt plastic when we opened the box.",
)
CALM = (
    "Yes, the number is {n}, and my name is {customer}.",
    "It came on {day}, I think, a little after {h}.",
    "Mhm.",
    "I tried to turn the {product} off and on again, as it says on page {k}, but nothing changed.",
    "Let me see, it says {n} on the label.",
    "Sure, go ahead.",
)
GLAD = (
    "Oh, that is wonderful, thank you so much, {agent}!",
    "Really? I did not expect that, how nice of you.",
    "Great, then {day} is fine with me. You have been a real help.",
    "Perfect, thanks.",
)
BEFORE = (
    "",
    "",
    "",
    "Well, ",
    "You know, ",
    "Listen, {agent}, ",
    "Um, ",
    "To be honest, ",
    "As I said on {day}, ",
    "Right, ",
    "So, ",
    "{customer} here again: ",
)
AFTER = (
    "",
    "",
    "",
    " And that was on {day}.",
    " My reference is {n}.",
    " I have it all in writing, page {k}.",
    " The {product} was fine until {day}.",
    " I have to leave at {h}, by the way.",
    " At least that is what it says in the mail of {day}.",
    " Is that clear?",
    " My neighbour has the same {product}.",
    " It was about {n} euros.",
)
_NTH = ("second", "third", "fourth", "fifth")


def dialogue(number: int, seed: int, turns: tuple[int, int] = (8, 24)) -> list[tuple[str, str]]:
    """Who says what in one conversation."""
    random_ = random.Random(f"{seed} {number}")
    agent, customer = random_.sample(NAMES, 2)

    def say(templates: tuple[str, ...]) -> str:
        slots = {"n": random_.randint(2, 99_999), "h": random_.randint(8, 12), "k": random_.randint(2, 40), "nth": random_.choice(_NTH)}
        text = random_.choice(templates)
        if len(text) > 12:  # an "Okay." stands alone, as in life
            text = random_.choice(BEFORE) + text + random_.choice(AFTER)
        return text.format(agent=agent, customer=customer, product=random_.choice(PRODUCTS), day=random_.choice(DAYS), **slots)

    lines = [("Agent " + agent, say(OPEN))]
    length, mood = random_.randint(*turns), random_.random()
    for turn in range(1, length):
        if turn % 2 == 0:
            lines.append(("Agent " + agent, say(AGENT)))
            continue
        mood = min(1.0, max(0.0, mood + random_.uniform(-0.3, 0.3)))
        lines.append(("Customer " + customer, say(UPSET if mood < 0.35 else CALM if mood < 0.8 else GLAD)))
    return lines


def write(folder: Path, dialogues: int, seed: int = 0, turns: tuple[int, int] = (8, 24)) -> int:
    """Writes the corpus and returns how many utterances it has."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number in range(dialogues):
        at, cues = 0.0, ["WEBVTT\n"]
        for speaker, text in dialogue(number, seed, turns):
            end = at + 0.4 + len(text) / 15
            cues.append(f"{_time(at)} --> {_time(end)}\n<v {speaker}>{text}</v>\n")
            at = end + 0.3
            total += 1
        (folder / f"call{number:05d}.vtt").write_text("\n".join(cues), encoding="utf-8")
    return total


def _time(seconds: float) -> str:
    return f"{int(seconds // 3600):02}:{int(seconds % 3600 // 60):02}:{seconds % 60:06.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dialogues", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{write(arguments.folder, arguments.dialogues, arguments.seed)} utterances")
