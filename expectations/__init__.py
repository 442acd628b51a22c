"""What a load must satisfy, one module per raw table and of its name, and one per published table that is audited.

Each module exposes SUITE. Importing one imports Great Expectations, so only the gate and the audit do.
"""
