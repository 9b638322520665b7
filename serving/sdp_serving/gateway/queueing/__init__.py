"""Who is drawn when, and together with whom."""
