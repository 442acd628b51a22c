"""What is kept of one person, and where: found, shown, searched for, pruned.

Personal data passes through here to the caller who asks about one person. It is written only where the caller says.
"""
