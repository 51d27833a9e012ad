"""What does a check come to? From what it asks to what is shown."""
