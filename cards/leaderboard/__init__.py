"""What a leaderboard shows: its card, its page, its Space, and answers to pull requests."""
