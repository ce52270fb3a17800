"""`python -m flowloom` is `flowloom`."""

from flowloom.cli import main

main()
