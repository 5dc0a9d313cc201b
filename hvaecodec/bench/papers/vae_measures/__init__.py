"""Measure the papers' VAEs. Every number here is an estimate of a model, never a file size."""
