"""Folders that strangers and killed processes may have filled: read, written, copied and removed safely."""
