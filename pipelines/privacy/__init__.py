"""What is kept of one person, and where: found, shown, searched for, pruned.

Personal data passes through here for whoever asks about one person, and is written nowhere but where they say.
"""
