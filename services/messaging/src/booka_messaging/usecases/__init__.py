"""What messaging does: one function per command or query."""
