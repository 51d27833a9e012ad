"""What does a packet look like where the firewall sees it, and does the cloud know the way?"""
