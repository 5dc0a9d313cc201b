"""Files that once did what no file may do; each keeps what it was and what is right."""

from dataclasses import replace

import pytest

from fuzz import corpus
from fuzz.file_mutants import parts_of, with_checksums
from hvaecodec.codec.errors import ModelMismatch
from hvaecodec.codec.format.wire_ids import CODECS


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    return corpus.tiny_codecs(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize("name", CODECS)
def test_a_file_that_names_another_codec_is_refused_by_every_call(name, codecs):
    """Its digest of weights fits: `decode`, `symbols` and the estimate read it, and only `describe` refused."""
    codec = codecs[name]
    data = codec.encode(corpus.pictures()[0], effort=1)
    codec.decode(data)
    for other, entry in CODECS.items():
        if other == name:
            continue
        renamed = with_checksums(replace(parts_of(data), version_and_codec=entry.wire_id << 4 | 1))
        calls = (codec.decode, codec.decode_with_metadata, codec.symbols, codec.describe, codec.info)
        for call in (*calls, lambda data: codec.info(data, estimate=True)):
            with pytest.raises(ModelMismatch, match=f"written by {other}, and this is {name}"):
                call(renamed)
