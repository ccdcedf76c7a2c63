"""niah: does a language model really read its whole context?"""

__version__ = "0.1.0"
