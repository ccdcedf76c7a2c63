"""Made-up terms of two words ("amber falcon") for values and keys that no haystack should hold by chance.

They are long enough a list to fill a haystack, and none of the words occurs in the vocabulary of synthetic speech.
"""

from __future__ import annotations

from niah.text.wording import ByLanguage

WORDS = ByLanguage(lambda wording: (wording.words("terms.first"), wording.words("terms.second")))  # first, second
