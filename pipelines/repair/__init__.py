"""Rows that a gate held back, and deliveries that were wrong: how they are shown, mended, discarded and withdrawn."""
