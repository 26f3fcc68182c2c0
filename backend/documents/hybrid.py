"""Put files into a PDF/A-3: an e-invoice (ZUGFeRD 2.5 and Factur-X 1.09, which are one format), and what proves it.

The PDF stays what it is; it gets the files, two references to each (ISO 32000-2 §14.13, and the tree of names that
readers list attachments by) and the XMP that says what the e-invoice is, with the description that PDF/A wants of every
property it does not know itself (ISO 19005-3 §6.6.2.3).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pikepdf import Array, Dictionary, Name, Object, ObjectStreamMode, Pdf, String

_SCHEMA = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": "name of the embedded XML invoice file",
    "DocumentType": "kind of the embedded document",
    "Version": "version of the schema of the embedded XML invoice",
    "ConformanceLevel": "profile of the embedded XML invoice",
}
_BAG_END = "</rdf:Bag></pdfaExtension:schemas>"
_RDF_END = "</rdf:RDF>"


class XmpError(ValueError):
    """The PDF's own XMP is not as typst writes it."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file inside: its name, MIME type, description for people, and what it is to the PDF (ISO 32000-2, table 43)."""

    name: str
    media_type: str
    relationship: str
    description: str
    content: bytes


def einvoice_file(name: str, xml: bytes) -> Embedded:
    """Give an e-invoice as the file that it is inside."""
    return Embedded(name, "text/xml", "Alternative", "e-invoice, EN 16931", xml)


def embed(pdf: bytes, files: Sequence[Embedded], level: str, at: datetime) -> bytes:
    """Embed files; equal input gives equal output.

    Args:
        pdf: PDF/A-3 of typst.
        files: what goes in, the e-invoice first.
        level: profile of the e-invoice, `EN 16931` or `XRECHNUNG`; empty if none of the files is one.
        at: the time of the files, aware.

    Raises:
        XmpError: the XMP of the PDF has no place for ours.
    """
    with Pdf.open(io.BytesIO(pdf)) as document:
        found = [_associated(document, file, at) for file in files]
        root = document.Root
        root.AF = Array(found)
        # The tree of names is searched, so it must be in order.
        ordered = sorted(zip(files, found, strict=True), key=lambda pair: pair[0].name)
        names = [part for file, associated in ordered for part in (String(file.name), associated)]
        root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=Array(names)))
        if level:
            told = _told(root.Metadata.read_bytes().decode(), files[0].name, level)
            root.Metadata.write(told.encode())
        written = io.BytesIO()
        document.save(written, deterministic_id=True, object_stream_mode=ObjectStreamMode.generate)
    return written.getvalue()


def _associated(document: Pdf, file: Embedded, at: datetime) -> Object:
    stream = document.make_stream(file.content, Type=Name.EmbeddedFile, Subtype=Name(f"/{file.media_type}"))
    stream.Params = Dictionary(ModDate=String(f"D:{at:%Y%m%d%H%M%S}Z"), Size=len(file.content))
    return document.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=String(file.name),
            UF=String(file.name),
            Desc=String(file.description),
            AFRelationship=Name(f"/{file.relationship}"),
            EF=Dictionary(F=stream, UF=stream),
        )
    )


def _told(xmp: str, file_name: str, level: str) -> str:
    if xmp.count(_BAG_END) != 1 or xmp.count(_RDF_END) != 1:
        raise XmpError("the XMP of the PDF has no bag of extension schemas to put that of Factur-X into")
    values = {"DocumentFileName": file_name, "DocumentType": "INVOICE", "Version": "1.0", "ConformanceLevel": level}
    facts = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value in values.items())
    described = f'<rdf:Description rdf:about="" xmlns:fx="{_SCHEMA}">{facts}</rdf:Description>'
    return xmp.replace(_BAG_END, _extension() + _BAG_END).replace(_RDF_END, described + _RDF_END)


def _extension() -> str:
    rows = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{text}</pdfaProperty:description></rdf:li>"
        for name, text in _PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{_SCHEMA}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{rows}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
