"""What did a change of the firewall do, what would one do, and who made it?"""
