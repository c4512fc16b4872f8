"""What kinds of media are handed on: those that WhatsApp knows, if the content is what it is said to be."""

from collections.abc import Callable, Mapping

__all__ = ["checked_type", "extension"]


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signatures)


def _riff_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _iso_media(content: bytes) -> bool:
    return content[4:8] == b"ftyp"


def _mpeg_audio(content: bytes) -> bool:
    return content.startswith(b"ID3") or _frame_sync(content)


def _frame_sync(content: bytes) -> bool:
    """Eleven bits of synchronisation, as MP3 and raw AAC frames start."""
    return len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0


def _plain(content: bytes) -> bool:
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return b"\x00" not in content[:4096]  # written in an older encoding


_ZIP = _starts(b"PK\x03\x04", b"PK\x05\x06")
_OLE = _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_OFFICE = "application/vnd.openxmlformats-officedocument."

#: Type → how a file of it ends, and whether the content can be one.
_TYPES: Mapping[str, tuple[str, Callable[[bytes], bool]]] = {
    "audio/aac": ("aac", _frame_sync),
    "audio/amr": ("amr", _starts(b"#!AMR")),
    "audio/mp4": ("m4a", _iso_media),
    "audio/mpeg": ("mp3", _mpeg_audio),
    "audio/ogg": ("ogg", _starts(b"OggS")),
    "image/gif": ("gif", _starts(b"GIF87a", b"GIF89a")),
    "image/jpeg": ("jpg", _starts(b"\xff\xd8\xff")),
    "image/png": ("png", _starts(b"\x89PNG\r\n\x1a\n")),
    "image/webp": ("webp", _riff_webp),
    "video/3gpp": ("3gp", _iso_media),
    "video/mp4": ("mp4", _iso_media),
    "application/pdf": ("pdf", lambda content: b"%PDF-" in content[:1024]),
    "application/msword": ("doc", _OLE),
    "application/vnd.ms-excel": ("xls", _OLE),
    "application/vnd.ms-powerpoint": ("ppt", _OLE),
    f"{_OFFICE}wordprocessingml.document": ("docx", _ZIP),
    f"{_OFFICE}spreadsheetml.sheet": ("xlsx", _ZIP),
    f"{_OFFICE}presentationml.presentation": ("pptx", _ZIP),
    "text/plain": ("txt", _plain),
}
#: How some phones and gateways spell them.
_SAME = {"audio/opus": "audio/ogg", "audio/mp3": "audio/mpeg", "audio/x-m4a": "audio/mp4", "image/jpg": "image/jpeg"}


def checked_type(declared: str | None, content: bytes) -> str | None:
    """The type under which `content` may be handed on; None: it is none of them, or not what it is declared to be.

    Parameters such as `codecs=opus` are left out.
    """
    name = (declared or "").partition(";")[0].strip().lower()
    name = _SAME.get(name, name)
    if name not in _TYPES or not content:
        return None
    return name if _TYPES[name][1](content) else None


def extension(mime_type: str) -> str:
    """How a file of a checked type ends, without a dot."""
    return _TYPES[mime_type][0]
