"""`make bench`: how soon an outage is seen, what PathCheck costs, on the lab; figures for people, asserted by no test."""
