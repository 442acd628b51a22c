"""What is kept longer than it needs to be, and how it goes."""
