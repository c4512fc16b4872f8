"""Stand-in for the Evolution API 2.x (WhatsApp through Baileys)."""
