"""Codecs of one rate for models of small pictures: tiles of 32 x 32 that know nothing of each other."""
