"""Records: folds both logs into the read model, keeps history, and counts the business.

`worker` reads, `fold_facts` and `fold_decisions` decide what changes (pure), `store` writes it with the
position that it came from, in one transaction.
"""
