"""Webhooks: addresses of a person's own programs that are told what happens."""
