"""Plans as graphs: their order, their longest way, how they are drawn. Knows keys and numbers, no tables."""
