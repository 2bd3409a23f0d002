"""A leaderboard on the Hub: submitting to it, reviewing what was submitted, and serving it."""
