"""These modules repeat the HQA paper: digits and faces."""
