"""The pages of tools: what there is, running one, what was run, what waits for consent, and the rules."""
