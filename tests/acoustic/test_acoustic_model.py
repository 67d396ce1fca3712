from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.description import DESCRIPTION  # noqa: E402
from convemo.acoustic.model import AcousticModel, ModelConfig  # noqa: E402
from convemo.features import FRAME_CHANNELS  # noqa: E402

TINY = ModelConfig(channels=(4, 4, 4, 4), width=16, layers=1, heads=2, hidden=16, described=16)


def inputs(lengths, seed=0):
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randn(len(lengths), max(lengths), FRAME_CHANNELS, generator=rng)
    functionals, deviations = (torch.randn(len(lengths), len(DESCRIPTION), generator=rng) for _ in range(2))
    return frames, functionals, deviations, torch.rand(len(lengths), 1, generator=rng)


def build(conditioning, encoder="bands"):
    torch.manual_seed(1)
    model = AcousticModel(replace(TINY, conditioning=conditioning, encoder=encoder)).eval()
    for parameter in model.parameters():  # a condition that begins by changing nothing shall change something here
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return model


@pytest.fixture(params=[("none",), ("concat",), ("film",), ("cross",), ("concat", "cepstra")], ids="-".join)
def model(request):
    return build(*request.param)


@pytest.mark.parametrize("lengths", [[40, 37, 12], [9, 8, 7], [1, 2, 30]])
def test_padding_does_not_change_a_score(model, lengths):
    frames, *rest = inputs(lengths)
    together = model(frames, *rest, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        alone = model(frames[i : i + 1, :length], *(x[i : i + 1] for x in rest))
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-4)


def test_sound_description_and_what_came_before_all_count():
    given = inputs([30])
    for way in (("concat",), ("film",), ("cross",), ("concat", "cepstra")):
        model = build(*way)
        before = model(*given)
        for place in range(4):
            changed = [x + 1.0 if i == place else x for i, x in enumerate(given)]
            assert (model(*changed) - before).abs().max() > 1e-4, (way, place)


def test_without_conditioning_nothing_that_the_speaker_did_before_counts():
    frames, description, deviations, heard = inputs([30])
    model = build("none")
    torch.testing.assert_close(model(frames, description, deviations, heard), model(frames, description, deviations + 1, heard / 2))
    assert (model(frames, description + 1, deviations, heard) - model(frames, description, deviations, heard)).abs().max() > 1e-4


def test_the_level_of_a_call_is_taken_out_where_the_speaker_is_known():
    """Everything 10 dB louder, before and now: only the raw plane and the raw description hear it."""
    from convemo.acoustic.description import BAND_LEVELS
    from convemo.acoustic.model import LEVEL
    from convemo.features import ENERGY, MEL

    model = build("concat")
    frames, description, deviations, _ = inputs([30])
    louder, described = frames.clone(), description.clone()
    louder[:, :, MEL] += 10
    louder[:, :, ENERGY] += 10
    described[:, BAND_LEVELS] += 10
    described[:, LEVEL] += 10
    for heard, moved in ((torch.ones(1, 1), 0.0), (torch.zeros(1, 1), 10.0)):
        quiet = [
            model._against(f, (1 - heard) * model.description_mean + heard * d - deviations, None)
            for f, d in ((frames, description), (louder, described))
        ]
        (planes, contour), (louder_planes, louder_contour) = quiet
        assert (louder_planes - planes)[:, 1].mean() == pytest.approx(moved, abs=1e-3)
        assert (louder_contour - contour)[:, 2].mean() == pytest.approx(moved, abs=1e-3)


def test_the_microphone_is_heard_by_the_cepstra_only_against_the_speaker():
    """Another level in every band, the same at all times: neither the level taken off nor the clip's own spectrum hears it."""
    from convemo.features import BANDS

    model = build("concat", "cepstra").encoder
    planes, contour = torch.randn(1, 2, 40, BANDS), torch.randn(1, 3, 40)
    louder, coloured = planes.clone(), planes.clone()
    louder[:, 0] += 3.0
    coloured[:, 0] += torch.linspace(-1, 1, BANDS)
    before, model.norm = model(planes, contour, None, None), torch.nn.Identity()
    heard = []
    model.blocks[0].register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    for given in (planes, louder, coloured):
        model(given, contour, None, None)
    torch.testing.assert_close(heard[1], heard[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(heard[2][:, 40:], heard[0][:, 40:], atol=1e-4, rtol=1e-4)
    assert (heard[2][:, :40] - heard[0][:, :40]).abs().max() > 0.1 and before.shape == (1, 2 * TINY.width)


def test_a_wild_number_of_the_description_is_held_back(model):
    frames, functionals, deviations, heard = inputs([30])
    far, further = functionals.clone(), functionals.clone()
    far[0, 1], further[0, 1] = 1e3, 1e9  # the spread of F0: nothing in the frames is measured against it
    torch.testing.assert_close(model(frames, far, deviations, heard), model(frames, further, deviations, heard))


def test_the_exported_graph_scores_as_torch_does_whatever_the_length(model, tmp_path):
    pytest.importorskip("onnx")
    import onnxruntime

    from convemo.training.acoustic_export import Graph
    from convemo.training.export_onnx import export_onnx

    names = ("frames", "functionals", "deviations", "heard")
    export_onnx(Graph(model), dict(zip(names, inputs([50]))), ["log_probs"], tmp_path / "m.onnx", {"frames": {1: "frames"}})
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    for length in (31, 200):
        given = inputs([length], seed=length)
        expected = model(*given).log_softmax(dim=-1).detach().numpy()
        (found,) = session.run(["log_probs"], {name: x.numpy() for name, x in zip(names, given)})
        np.testing.assert_allclose(found, expected, atol=1e-4)
