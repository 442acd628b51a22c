"""What customers allow: the answer for one of them at an instant, and the command that shows it."""
