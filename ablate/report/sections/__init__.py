"""What the sections of a report say; `document.SECTIONS` lists them."""
