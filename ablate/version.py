"""Which release this is. The distribution is `ablate-jax`, since `ablate` on PyPI is another project."""

from importlib import metadata

NAMES = ("ablate-jax", "ablate")  # the second one is that of installations made before it was renamed


def version() -> str | None:
    """The version of the installed distribution; None where the package runs from a folder that is not installed."""
    for name in NAMES:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
