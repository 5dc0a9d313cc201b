"""The `.hvc` container, its fields, and what a file says of itself."""
