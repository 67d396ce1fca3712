"""What prompts begin with alike is computed once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.llm.prefix_tree import alike, tree, unique_tokens

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), min_size=1, max_size=12, unique=True)


def walk(path, tokens, sequences, found):
    """Tokens of each path put together from where it leaves its parent: what a model would be given."""
    for leaf in path.leaves:
        own = sequences[leaf.sequence]
        assert leaf.end == len(own) and leaf.start < leaf.end
        found.append((leaf, [*tokens[: leaf.start], *own[leaf.start :]]))
        walk(leaf, found[-1][1], sequences, found)
    return found


@settings(max_examples=300, deadline=None)
@given(SEQUENCES, st.lists(st.integers(0, 2), max_size=8))
def test_every_sequence_comes_out_whole_and_no_beginning_is_computed_twice(sequences, kept):
    arrays, kept = [np.array(s) for s in sequences], np.array(kept, np.int64)
    found = walk(tree(arrays, kept), kept.tolist(), sequences, [])
    assert sorted(leaf.sequence for leaf, _ in found) == list(range(len(sequences)))
    assert all(tokens == list(sequences[leaf.sequence]) for leaf, tokens in found)
    # One token is read again where a sequence is the beginning of another, or of what was kept: its answer stands there.
    others = [*sequences, tuple(kept)]
    again = sum(any(o != s and o[: len(s)] == s for o in others) or s == tuple(kept) for s in sequences)
    unique = unique_tokens([*arrays, kept]) - len(kept)
    assert unique <= sum(leaf.end - leaf.start for leaf, _ in found) <= unique + again


def test_the_longest_chain_of_history_is_one_path_and_each_utterance_leaves_it_with_its_orders_of_options():
    head, line = [1, 2, 3], [7, 8]
    prompts = [np.array([*head, *line * turn, 5, 20 + turn, order]) for turn in range(4) for order in (50, 51, 52)]
    (trunk,) = tree(prompts).leaves
    assert trunk.start == 0 and trunk.end == 3 + 2 * 3 + 3
    utterances = [leaf for leaf in trunk.leaves if leaf.leaves]
    assert sorted(leaf.start for leaf in utterances) == [3, 5, 7]
    assert all(len(leaf.leaves) == 2 and {below.start for below in leaf.leaves} == {leaf.end - 1} for leaf in utterances)


def test_alike_counts_the_tokens_that_two_sequences_begin_with():
    assert alike(np.array([1, 2, 3]), np.array([1, 2])) == 2
    assert alike(np.array([1, 2, 3]), np.array([1, 5, 3])) == 1
    assert alike(np.array([]), np.array([1])) == 0
