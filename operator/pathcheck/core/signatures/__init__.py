"""Which rules does a pattern of open and silent ports speak of?"""
