"""A Compute Engine emulator whose firewall rules decide over real packets.

It speaks the part of the Compute Engine v1 REST API that VPC firewall rules need, validates as the API documents, and
compiles the rules to nftables in the lab's router before it answers that a change is done. Who changed what, it tells as
Cloud Logging does. It is written from the public documentation and shares no code with the product: that the two agree
about a packet is worth testing only because neither knows the other. `python -m e2e.lab.cloud --help` starts it;
docs/emulator.md says what it does and what it does not.
"""
