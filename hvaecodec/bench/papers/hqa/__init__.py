"""The HQA paper: digits and faces."""
