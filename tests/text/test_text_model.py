import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from convemo.errors import EngineUnavailable  # noqa: E402
from convemo.text.model import ExportedTextModel, TextModel, encoder_folder  # noqa: E402


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    return TextModel(transformers.BertModel(config), labels=7, dimensions=3).eval()


def test_padding_changes_nothing(model):
    ids = torch.tensor([[2, 11, 12, 3]])
    padded = torch.tensor([[2, 11, 12, 3, 0, 0]])
    alone = model(ids, torch.ones_like(ids))
    in_company = model(padded, torch.tensor([[1, 1, 1, 1, 0, 0]]))
    for short, long in zip(alone, in_company):
        torch.testing.assert_close(short, long)


def test_the_mean_is_over_every_token_not_the_first(model):
    one, other = torch.tensor([[2, 11, 12, 3]]), torch.tensor([[2, 11, 13, 3]])
    assert not torch.allclose(model(one, torch.ones_like(one))[0], model(other, torch.ones_like(other))[0])


def test_what_is_exported_gives_log_probabilities_and_bounded_dimensions(model):
    model.dimension_scale.fill_(1000.0)
    ids = torch.tensor([[2, 11, 12, 3], [2, 30, 31, 3]])
    log_probs, dimensions = ExportedTextModel(model)(ids, torch.ones_like(ids))
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2))
    assert dimensions.abs().max() == 1.0


def test_an_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EngineUnavailable, match=str(tmp_path)):
        encoder_folder(str(tmp_path))
