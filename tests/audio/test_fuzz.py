"""Five hundred broken files; ``python -m benchmarks.fuzz_media`` goes on to ten thousand."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.audio import fuzz

COUNT = 500


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> list[bytes]:
    return fuzz.seeds(tmp_path_factory.mktemp("seeds"))


def test_what_is_broken_gives_sound_or_a_typed_error(tmp_path, seeds):
    def tried(number: int) -> str:
        path = tmp_path / f"{number}"
        path.write_bytes(fuzz.broken(seeds, number))
        return fuzz.outcome(path, only_probe=number % 10 == 9)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(tried, range(COUNT)))
    assert fuzz.LATE not in outcomes
    assert not [found for found in outcomes if "the decoder ended with status" in found]  # an error of our own making
    assert 0.2 * COUNT < outcomes.count("sound") < 0.9 * COUNT  # the damage is neither fatal nor harmless


def test_the_seeds_themselves_are_sound(tmp_path, seeds):
    for number, seed in enumerate(seeds):
        (tmp_path / f"{number}").write_bytes(seed)
        assert fuzz.outcome(tmp_path / f"{number}") == "sound"


def test_the_damage_is_the_same_each_time(seeds):
    assert fuzz.broken(seeds, 7) == fuzz.broken(seeds, 7) != fuzz.broken(seeds, 7 + len(seeds))
