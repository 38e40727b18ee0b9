"""How knowledge comes in: files and addresses become text, text passages, passages rows."""
