"""Raw data in: what is asked, who answers, what came back, and what is in it."""
