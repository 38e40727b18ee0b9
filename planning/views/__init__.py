"""The pages of plans, a module for each kind of work."""
