"""A home folder that one process at a time writes to.

Its lock, durable writes, and what to say when its disk or memory runs short.
"""
