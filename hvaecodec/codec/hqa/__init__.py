"""`hqa-photo`: the codec, its index streams, its weights."""
