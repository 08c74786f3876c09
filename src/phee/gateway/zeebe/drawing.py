"""A tenant's drawing, made safe for a cluster without tenants.

What would reach beyond the tenant is refused (process ids, calls) or renamed (messages, signals);
and a called process always gets to know which request it belongs to.
"""

from __future__ import annotations

from lxml import etree

from phee.bpmn.safe_xml import DEFAULT_LIMITS, XmlElement, read_xml
from phee.bpmn.vocabulary import MODEL, ZEEBE
from phee.commands import Resource
from phee.errors import NotSupported
from phee.gateway.zeebe.request_mark import MARK
from phee.gateway.zeebe.tenancy import MESSAGE_SEPARATOR, NamedTenants
from phee.records import DEFAULT_TENANT

_DRAWINGS = (".bpmn", ".xml")


def walled_drawing(resource: Resource, tenant_id: str, tenants: NamedTenants) -> Resource:
    """Return a tenant's drawing as it is deployed to a cluster without tenants.

    Raises:
        InvalidInput: it is no drawing, or defines or calls a process that is not the tenant's.
        NotSupported: it is something else than BPMN; decisions and forms have no tenant there.
    """
    if not resource.name.endswith(_DRAWINGS):
        raise NotSupported(
            "Only BPMN drawings can be deployed to a Zeebe cluster without tenants",
            where=resource.name[:80],
            fix="Deploy a file that ends with .bpmn",
        )
    root = read_xml(resource.content, DEFAULT_LIMITS, resource.name)
    for process in root.iter(f"{{{MODEL}}}process"):
        if process.get("isExecutable") != "false":
            tenants.check_deployable(process.get("id", ""), tenant_id, resource.name)
    for activity in root.iter(f"{{{MODEL}}}callActivity"):
        for called in activity.iter(f"{{{ZEEBE}}}calledElement"):
            _wall_call(called, tenant_id, tenants, resource.name)
            _pass_on_mark(activity, called)
    for kind in ("message", "signal"):
        for definition in root.iter(f"{{{MODEL}}}{kind}"):
            _rename(definition, tenant_id, tenants)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Resource(resource.name, content)


def _rename(definition: XmlElement, tenant_id: str, tenants: NamedTenants) -> None:
    name = definition.get("name", "")
    if name.startswith("="):
        if tenant_id != DEFAULT_TENANT:
            definition.set("name", f'=({name[1:]}) + "{MESSAGE_SEPARATOR}{tenant_id}"')
    elif name:
        definition.set("name", tenants.message_name(name, tenant_id))


def _wall_call(called: XmlElement, tenant_id: str, tenants: NamedTenants, where: str) -> None:
    """A call by expression to anything else becomes null, which raises an incident there."""
    process_id = called.get("processId", "")
    if not process_id.startswith("="):
        tenants.check_deployable(process_id, tenant_id, where)
    elif tenant_id != DEFAULT_TENANT:
        text = f"({process_id[1:]})"
        called.set("processId", f'=if ends with({text}, "-{tenant_id}") then {text} else null')


def _pass_on_mark(activity: XmlElement, called: XmlElement) -> None:
    """A call that hides its variables from the called process still passes the mark on."""
    if called.get("propagateAllParentVariables") != "false":
        return
    extensions = called.getparent()
    assert extensions is not None, f"a called element stands in {activity.tag}"
    mapping = extensions.find(f"{{{ZEEBE}}}ioMapping")
    if mapping is None:
        mapping = etree.SubElement(extensions, f"{{{ZEEBE}}}ioMapping")
    passed = etree.Element(f"{{{ZEEBE}}}input", {"source": f"={MARK}", "target": MARK})
    mapping.insert(0, passed)
