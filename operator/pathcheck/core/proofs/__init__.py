"""What holds of all addresses and ports at once?"""
