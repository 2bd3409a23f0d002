"""From a built dataset to where people load it, and back: publishing and verification."""
