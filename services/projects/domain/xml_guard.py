"""Reading XML of strangers as it arrives: an incremental expat parser that refuses what no honest plan needs."""

from typing import Final, Never
from xml.parsers import expat

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 5_000_000
MAX_NAMES: Final = 10_000  # distinct element and attribute names, which parser and interpreter keep in memory
MAX_TEXT: Final = 1_048_576  # characters of one text node
MAX_TOKEN: Final = 262_144  # bytes of one tag, comment or instruction, which the parser holds whole
CHUNK: Final = 16_384

# The parser would otherwise look the declared name up among all of Python's codecs.
ENCODINGS: Final = frozenset({"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "iso-8859-1"}) | {
    "iso-8859-15",
    "latin1",
    "windows-1250",
    "windows-1251",
    "windows-1252",
}
_ENDED_TOO_SOON: Final = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
NAMESPACE_SEPARATOR: Final = "|"


class PlanFileError(Exception):
    """A file that cannot be read as a plan: a stable code, a sentence that echoes nothing, and where (from 1)."""

    def __init__(self, code: str, detail: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(code, detail, line, column)
        self.code = code
        self.detail = detail
        self.line = line
        self.column = column

    def __str__(self) -> str:
        where = "" if self.line is None else f" (line {self.line}, column {self.column})"
        return f"{self.code}: {self.detail}{where}"


class XmlGuard:
    """Feeds bytes to expat and passes elements and text to `started`, `ended` and `text`; raises PlanFileError.

    Document types and entities, depth, length of texts and tags, and the number of elements and names are limited, so
    that memory and time stay in proportion to the bytes fed, however these are cut into chunks.
    """

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}  # of the element that began last
        self._names: dict[str, str] = {}
        parser = expat.ParserCreate(None, NAMESPACE_SEPARATOR, self._names)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        self._parser = parser
        self._held = bytearray()
        self._fed = 0
        self._depth = 0
        self._elements = 0
        self._namespaces = 0
        self._text_length = 0
        self._error: PlanFileError | None = None

    def started(self, name: str) -> None:
        """An element begins; its name is `namespace|local` or, without a namespace, `local`. See `attributes`."""

    def ended(self) -> None:
        """The innermost element ends."""

    def text(self, data: str) -> None:
        """A piece of the innermost element's text."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; of any length, small ones are collected."""
        if self._error is not None:
            raise self._error
        # Parsing byte by byte would scan an unfinished tag again with every byte.
        if self._held or len(chunk) < CHUNK:
            self._held += chunk
            if len(self._held) < CHUNK:
                return
            chunk = bytes(self._held)
            self._held.clear()
        view = memoryview(chunk)
        for begin in range(0, len(view), CHUNK):
            self._parse(view[begin : begin + CHUNK], final=False)

    def close(self) -> None:
        """Say that the bytes are complete."""
        if self._error is not None:
            raise self._error
        self._parse(memoryview(bytes(self._held)), final=True)
        self._held.clear()

    @property
    def line(self) -> int:
        """Where the parser is."""
        return self._parser.CurrentLineNumber

    def refuse(self, code: str, detail: str) -> Never:
        """Give the file up at the parser's place."""
        self._error = PlanFileError(code, detail, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)
        raise self._error

    def _parse(self, data: memoryview, *, final: bool) -> None:
        self._fed += len(data)
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            code, detail = "not_xml", f"not well-formed XML: {expat.ErrorString(error.code)}"
            if self._fed == 0:
                detail = "the file is empty"
            elif final and error.code in _ENDED_TOO_SOON:
                code, detail = "xml_truncated", "the file ends in the middle"
            self._error = PlanFileError(code, detail, error.lineno, error.offset + 1)
            raise self._error from None
        except (LookupError, ValueError):  # the bytes of a declared encoding
            self._error = PlanFileError("not_xml", "not readable in its declared encoding")
            raise self._error from None
        if len(self._names) > MAX_NAMES:
            self.refuse("xml_too_large", f"more than {MAX_NAMES} different element and attribute names")
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN + CHUNK and not final:
            self.refuse("xml_too_large", f"a tag or comment longer than {MAX_TOKEN} bytes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._text_length = 0
        if self._depth > MAX_DEPTH:
            self.refuse("xml_too_deep", f"elements nested deeper than {MAX_DEPTH}")
        if self._elements > MAX_ELEMENTS:
            self.refuse("xml_too_large", f"more than {MAX_ELEMENTS} elements")
        self.attributes = attributes
        self.started(name)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        self._text_length = 0
        self.ended()

    def _characters(self, data: str) -> None:
        self._text_length += len(data)
        if self._text_length > MAX_TEXT:
            self.refuse("xml_too_large", f"a text longer than {MAX_TEXT} characters")
        self.text(data)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ENCODINGS:
            self.refuse("xml_forbidden", "the declared encoding is not supported; use UTF-8 or UTF-16")

    def _doctype(self, _name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        self.refuse("xml_forbidden", "document types and entities are not allowed")

    def _namespace(self, _prefix: str | None, _uri: str) -> None:
        self._namespaces += 1
        if self._namespaces > MAX_NAMES:
            self.refuse("xml_too_large", f"more than {MAX_NAMES} namespace declarations")
