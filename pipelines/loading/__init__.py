"""One feed's way from its deliveries to raw: gathered, judged by the gate, written with its lines in the ledger."""
