"""A leaderboard of taggers and data sets: what is submitted, what of it is true, and who is ahead."""
