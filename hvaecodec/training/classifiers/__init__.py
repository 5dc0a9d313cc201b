"""Training of the small classifiers that perception is measured with."""
