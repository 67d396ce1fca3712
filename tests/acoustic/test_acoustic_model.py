from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.model import AcousticModel, ModelConfig  # noqa: E402
from convemo.features import FRAME_CHANNELS  # noqa: E402
from convemo.features.functionals import NAMES  # noqa: E402

TINY = ModelConfig(width=16, layers=1, heads=2, hidden=16)


def inputs(lengths, seed=0):
    rng = torch.Generator().manual_seed(seed)
    frames = torch.randn(len(lengths), max(lengths), FRAME_CHANNELS, generator=rng)
    functionals, deviations = (torch.randn(len(lengths), len(NAMES), generator=rng) for _ in range(2))
    return frames, functionals, deviations, torch.rand(len(lengths), 1, generator=rng)


@pytest.fixture(params=["concat", "film"])
def model(request):
    torch.manual_seed(1)
    return AcousticModel(replace(TINY, conditioning=request.param)).eval()


@pytest.mark.parametrize("lengths", [[40, 37, 12], [9, 8, 7], [1, 2, 30]])
def test_padding_does_not_change_a_score(model, lengths):
    frames, *rest = inputs(lengths)
    together = model(frames, *rest, torch.tensor(lengths))
    for i, length in enumerate(lengths):
        alone = model(frames[i : i + 1, :length], *(x[i : i + 1] for x in rest))
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-4)


def test_sound_functionals_and_deviations_all_count(model):
    given = inputs([30])
    before = model(*given)
    for place in range(4):
        changed = [x + 1.0 if i == place else x for i, x in enumerate(given)]
        assert (model(*changed) - before).abs().max() > 1e-4, place


def test_a_wild_functional_is_held_back(model):
    frames, functionals, deviations, heard = inputs([30])
    far, further = functionals.clone(), functionals.clone()
    far[0, 0], further[0, 0] = 1e3, 1e9
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
