"""TRANSLATIONS: foreign dicts to nouns and back. What cannot be read comes back as a `Problem`, never as a guess."""
