"""What is kept longer than it need be, and how it goes."""
