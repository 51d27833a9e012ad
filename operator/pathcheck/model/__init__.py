"""NOUNS: frozen, slotted, tuples inside; the standard library's types only. Nothing here knows Kubernetes or Google spellings."""
