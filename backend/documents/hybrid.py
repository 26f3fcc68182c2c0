"""Put an e-invoice into a PDF/A-3: ZUGFeRD 2.5 and Factur-X 1.09, which are one format.

The PDF stays what it is; it gets the file, its two references (ISO 32000-2 §14.13, and the tree of names that readers
list attachments by) and the XMP that says what the file is, with the description that PDF/A wants of every property it
does not know itself (ISO 19005-3 §6.6.2.3).
"""

import io
from datetime import datetime

from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, String

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


def embed(pdf: bytes, xml: bytes, file_name: str, level: str, at: datetime) -> bytes:
    """Embed an e-invoice; equal input gives equal output.

    Args:
        pdf: PDF/A-3 of typst.
        xml: the e-invoice.
        file_name: `factur-x.xml`, or `xrechnung.xml`.
        level: the profile, `EN 16931` or `XRECHNUNG`.
        at: the time of the file, aware.

    Raises:
        XmpError: the XMP of the PDF has no place for ours.
    """
    with Pdf.open(io.BytesIO(pdf)) as document:
        stream = document.make_stream(xml, Type=Name.EmbeddedFile, Subtype=Name("/text/xml"))
        stream.Params = Dictionary(ModDate=String(f"D:{at:%Y%m%d%H%M%S}Z"), Size=len(xml))
        file = document.make_indirect(
            Dictionary(
                Type=Name.Filespec,
                F=String(file_name),
                UF=String(file_name),
                Desc=String("e-invoice, EN 16931"),
                AFRelationship=Name.Alternative,
                EF=Dictionary(F=stream, UF=stream),
            )
        )
        root = document.Root
        root.AF = Array([file])
        root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=Array([String(file_name), file])))
        root.Metadata.write(_told(root.Metadata.read_bytes().decode(), file_name, level).encode())
        written = io.BytesIO()
        document.save(written, deterministic_id=True, object_stream_mode=ObjectStreamMode.generate)
    return written.getvalue()


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
