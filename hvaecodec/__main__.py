"""`python -m hvaecodec`."""

from hvaecodec.cli.main import main

main()
