"""What tests of several trainings share."""

import pytest
from metric_stand_in import alexnet_stand_in

from hvaecodec.codec.metric_nets import convolutions, lpips_net


@pytest.fixture
def alexnet(tmp_path, monkeypatch):
    """LPIPS over random numbers in place of AlexNet's."""
    tensors = alexnet_stand_in(tmp_path, monkeypatch)
    convolutions.write(convolutions.ALEXNET, tensors, tmp_path / "weights", "a test")
    yield
    lpips_net.load_lpips.cache_clear()
