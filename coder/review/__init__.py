"""The review without a terminal: sessions, queues, blinding by chance, learning, adjudication."""
