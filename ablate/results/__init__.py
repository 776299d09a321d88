"""What a run leaves on disk: typed records, atomic files, the store of rows."""
