"""What happens to sandboxes: verbs, the pool, hosts, reconciling, expiry and usage. Its work runs in workers.

Every part may be killed at any step and run again: rows say what is wanted, the engine what there is.
"""
