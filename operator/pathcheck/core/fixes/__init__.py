"""Which change of rules would mend it, and what else would it do?"""
