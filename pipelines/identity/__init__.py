"""Who is one customer: from source records, made comparable, over the evidence between them to a durable identity.

Sources, gates and the star are elsewhere; here is what is compared, how, and what was decided.
"""
