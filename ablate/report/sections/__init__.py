"""What a report says, one file per section."""
