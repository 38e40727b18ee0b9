"""REST, for every app: errors, paging, permissions, throttles and view sets.

The modules stand apart because the framework's own view classes load some of them while being defined.
"""
