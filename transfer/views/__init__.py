"""The pages of domains, sources, mappings and transfers."""
