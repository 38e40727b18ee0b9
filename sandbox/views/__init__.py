"""The pages of sandboxes, by tab. Every action is a plain form; HTMX asks for the changed part."""
