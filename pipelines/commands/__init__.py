"""The `crmdw` command, a module per group of commands: what people type, and what they are shown.

Only here is anything printed. What a command does is in the wings below.
"""
