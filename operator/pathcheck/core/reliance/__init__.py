"""What hangs on which rule, and which rules could go?"""
