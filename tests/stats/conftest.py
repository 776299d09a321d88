"""Shapes and types of the public signatures are checked while the statistics are tested."""

import jaxtyping

# Modules imported before this point (by tests of other packages in the same process) stay unchecked.
jaxtyping.install_import_hook("ablate.stats", "beartype.beartype")
