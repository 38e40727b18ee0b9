"""The floor of the house: helpers every app stands on. It imports no app and owns no table."""
