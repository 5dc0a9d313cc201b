"""A fuzzer: files taken apart, changed and put together again with the checksums that belong to them."""
