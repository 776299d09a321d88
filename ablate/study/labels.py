"""Names for files, and what tells contents apart. Imports nothing heavy."""

import hashlib
import json
import re
import unicodedata
from typing import Any


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def slug(name: str) -> str:
    """A file name that any file system takes.

    >>> slug("norm=group(groups=4)"), slug("Größe | x")
    ('norm-group-groups-4', 'Grosse-x')
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:60].strip("-.") or "arm"
