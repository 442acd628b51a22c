"""The append-only tables: what was loaded, and what nothing can make again.

They are created, asked, exported and hashed here. Nothing here moves rows or decides anything: a wing that decides
something has one module here, with its tables.
"""
