"""Which rule decides a packet? Rules as bits, places, walks, and tables of millions of flows."""
