"""The lab, the demo and the tests that need real packets (root)."""
