"""What the line is worth: costs, rates, and days of parts in minutes; prints, never asserts."""
