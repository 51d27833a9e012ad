"""The firewall engine in the operator, live: policies, fixes, coverage, permissions and routes on the lab's real packets."""
