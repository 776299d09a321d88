"""Arguments, exit codes, commands and what a person sees in the terminal."""
