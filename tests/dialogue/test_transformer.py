"""The dialogue transformer: whom a row may see, and that nothing else reaches it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.dialogue.transformer import DialogueTransformer  # noqa: E402

WIDTH = 12
ANA, BEN, CEM = 0, 1, 2


def transformer(heads=(1, 1, 1), layers=2, reach=4):
    """Random weights large enough that whatever is seen shows."""
    torch.manual_seed(3)
    model = DialogueTransformer(WIDTH, layers, heads, reach, dropout=0.0).eval()
    for parameter in model.blocks.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)):
        torch.nn.init.ones_(norm.weight)
    return model


def utterances(count, seed=0):
    return torch.randn(1, count, WIDTH, generator=torch.Generator().manual_seed(seed))


def rows_that_change(model, speakers, place):
    """The rows in which a change of the utterance at `place` shows."""
    x, speakers = utterances(len(speakers)), torch.tensor([speakers])
    changed = x.clone()
    changed[0, place, 0] += 1.0
    with torch.no_grad():
        difference = (model(x, speakers) != model(changed, speakers)).any(dim=-1)[0]
    return difference.nonzero()[:, 0].tolist()


@pytest.mark.parametrize("place", [1, 4, 7])
def test_what_comes_later_leaves_a_row_as_it_was_to_the_last_bit(place):
    changed = rows_that_change(transformer(), [ANA, BEN, ANA, CEM, BEN, BEN, ANA, CEM], place)
    assert changed == list(range(place, 8))


def test_a_layer_looks_back_as_far_as_its_reach_and_all_layers_together_as_far_as_the_context():
    assert rows_that_change(transformer((3, 0, 0), layers=1, reach=3), [ANA] * 12, 2) == [2, 3, 4, 5]
    model = transformer((3, 0, 0), layers=2, reach=3)
    assert model.context == 6
    assert rows_that_change(model, [ANA] * 12, 2) == list(range(2, 9))


def test_a_head_for_the_same_speaker_sees_nobody_else():
    assert rows_that_change(transformer((0, 1, 0), reach=8), [ANA, BEN, ANA, CEM, BEN, ANA], 0) == [0, 2, 5]


def test_a_head_for_the_others_sees_neither_the_speaker_nor_the_utterance_itself():
    others = transformer((0, 0, 1), layers=1, reach=8)
    assert rows_that_change(others, [ANA, BEN, ANA, CEM, BEN, ANA], 0) == [0, 1, 3, 4]
    with torch.no_grad():  # the utterance itself still passes beside the head
        attended = others.blocks[0].attention
        visible, back = others._visible(torch.tensor([[ANA, BEN]]), None)
        x = utterances(2)
        first = attended(x, visible, back)[0, 1]
        x[0, 1, 0] += 1.0
        torch.testing.assert_close(attended(x, visible, back)[0, 1], first)


def test_a_head_with_nobody_to_see_gives_zeros():
    others = transformer((0, 0, 1), layers=1).blocks[0].attention
    visible, back = transformer((0, 0, 1))._visible(torch.tensor([[ANA, ANA, BEN]]), None)
    with torch.no_grad():
        found = others(utterances(3), visible, back)[0]
    torch.testing.assert_close(found[:2], others.out.bias.expand(2, WIDTH))
    assert (found[2] - others.out.bias).abs().max() > 1e-3


def test_calling_the_speakers_by_other_names_changes_nothing():
    model, x = transformer(), utterances(6)
    with torch.no_grad():
        expected = model(x, torch.tensor([[ANA, BEN, ANA, CEM, BEN, ANA]]))
        assert torch.equal(model(x, torch.tensor([[7, -3, 7, 99, -3, 7]])), expected)


def test_who_speaks_counts():
    model, x = transformer(), utterances(6)
    with torch.no_grad():
        alone, together = model(x, torch.tensor([[ANA] * 6])), model(x, torch.tensor([[ANA, BEN] * 3]))
    assert (alone - together).abs().max() > 1e-2


def test_how_long_ago_counts():
    model = transformer((3, 0, 0), layers=1)
    x, speakers = utterances(3), torch.tensor([[ANA] * 3])
    with torch.no_grad():
        swapped = model(x[:, [1, 0, 2]], speakers)
        assert (model(x, speakers)[0, 2] - swapped[0, 2]).abs().max() > 1e-2


@pytest.mark.parametrize("since", [1, 9, 20, 29])
def test_rows_are_the_same_however_a_dialogue_is_cut(since):
    model, x = transformer(), utterances(30)
    speakers = torch.tensor([[ANA, BEN, ANA, CEM, BEN, ANA] * 5])
    begin = max(0, since - model.context)
    with torch.no_grad():
        whole, part = model(x, speakers), model(x[:, begin:], speakers[:, begin:])
        short = model(x[:, begin + 1 :], speakers[:, begin + 1 :])
    torch.testing.assert_close(part[:, since - begin :], whole[:, since:], atol=1e-5, rtol=1e-5)
    if begin:
        assert (short[:, since - begin - 1 :] - whole[:, since:]).abs().max() > 1e-5, "one utterance less would not do"


def test_padding_changes_no_row():
    model = transformer()
    lengths, speakers = (5, 2, 7), torch.randint(0, 3, (3, 7), generator=torch.Generator().manual_seed(1))
    x = torch.cat([utterances(7, seed) for seed in range(3)])
    padding = torch.arange(7) >= torch.tensor(lengths)[:, None]
    with torch.no_grad():
        together = model(x, speakers, padding)
        for i, length in enumerate(lengths):
            alone = model(x[i : i + 1, :length], speakers[i : i + 1, :length])
            torch.testing.assert_close(together[i : i + 1, :length], alone, atol=1e-5, rtol=1e-5)


def test_padding_before_a_dialogue_changes_no_row_and_makes_no_nan():
    model, x, speakers = transformer(), utterances(5), torch.tensor([[ANA, ANA, BEN, ANA, BEN]])
    padding = torch.tensor([[True, True, False, False, False]])
    with torch.no_grad():
        padded = model(x, speakers, padding)
        torch.testing.assert_close(padded[:, 2:], model(x[:, 2:], speakers[:, 2:]), atol=1e-5, rtol=1e-5)
    assert padded.isfinite().all()


def test_every_weight_learns_once_there_are_two_speakers():
    model = transformer().train()
    model(utterances(6), torch.tensor([[ANA, BEN] * 3])).pow(3).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_half_precision_trains():
    model = transformer().train()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(utterances(6), torch.tensor([[ANA, BEN] * 3]))
    found.float().pow(2).sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("width", "layers", "heads", "reach"), [(10, 1, (1, 1, 1), 4), (12, 0, (1, 1, 1), 4), (12, 1, (0, 0, 0), 4), (12, 1, (1, 0, 0), 0)]
)
def test_a_shape_that_cannot_be_is_refused(width, layers, heads, reach):
    with pytest.raises(ValueError, match="multiple of the heads"):
        DialogueTransformer(width, layers, heads, reach)


def test_the_onnx_graph_gives_what_torch_gives_whatever_the_length(tmp_path):
    pytest.importorskip("onnx")
    import onnxruntime

    from convemo.training.export_onnx import export_onnx

    model, rng = transformer(), np.random.default_rng(0)
    example = {"x": utterances(5), "speakers": torch.tensor([[ANA, BEN, ANA, CEM, BEN]])}
    length = {1: "utterances"}
    export_onnx(model, example, ["rows"], tmp_path / "m.onnx", {"x": length, "speakers": length, "rows": length})
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 2, 9, 70):
        x, speakers = utterances(count, seed=count), rng.integers(0, 3, (1, count))
        (found,) = session.run(["rows"], {"x": x.numpy(), "speakers": speakers})
        with torch.no_grad():
            expected = model(x, torch.from_numpy(speakers)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4)
