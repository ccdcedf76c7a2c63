"""``python -m niah``."""

from niah.cli import main

main()
