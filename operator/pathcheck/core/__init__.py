"""VERBS: pure functions, one question a file. They are told everything, the time included, and look at nothing."""
