"""The pages of sandboxes, by tab. Every action is a plain form that redirects; HTMX asks for the changed part."""
