"""Where bfloat16 is used: with AMX, and with AVX-512 on AMD's processors. Elsewhere it takes longer than float32."""

import pytest
import torch

from hvaecodec.models import processor


@pytest.mark.parametrize(
    ("vectors", "vendor", "in_vectors", "tiles", "faster"),
    [
        ("AVX512", "AuthenticAMD", True, False, True),
        ("AVX512", "AuthenticAMD", False, False, False),
        ("AVX512", "GenuineIntel", True, False, False),
        ("AVX512", "GenuineIntel", True, True, True),
        ("AVX2", "GenuineIntel", True, True, False),  # as ATEN_CPU_CAPABILITY may ask for
    ],
)
def test_bfloat16_is_used_where_it_is_faster(monkeypatch, vectors, vendor, in_vectors, tiles, faster):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: in_vectors, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)
    monkeypatch.setattr(processor, "cpu_fields", lambda: {"vendor_id": vendor})
    assert processor.bfloat16_is_faster() is faster


def test_a_vendor_is_known_without_linux(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(processor, "cpu_fields", dict)
    for words, faster in (("Intel64 Family 6 Model 143, GenuineIntel", False), ("AMD64 Family 25, AuthenticAMD", True)):
        monkeypatch.setattr(processor.platform, "processor", lambda words=words: words)
        assert processor.bfloat16_is_faster() is faster
