"""Questions about the history that a person asks: trends, seats, differences."""
