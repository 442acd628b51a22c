"""What becomes of one person's data on request: shown as a document, erased, or kept apart until a day.

Personal data passes through here for whoever asks about one person, and is written nowhere but where they say.
"""
