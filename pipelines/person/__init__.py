"""Recognising a person: whose a row is, what is held of them and where, and who was erased."""
