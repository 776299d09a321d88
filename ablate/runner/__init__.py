"""A plan and what is done with it: execute, check, probe; waves, the session, the environment, costs."""
