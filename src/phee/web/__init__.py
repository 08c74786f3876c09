"""What every HTTP part of the hub shares: errors as problems, strict input, one application.

Knows tenants and errors, and nothing of payments; every other HTTP package builds on it.
"""

from phee.web.app import MAX_BODY_BYTES, create_app
from phee.web.errors import FieldProblem, InvalidFields, InvalidJson, MissingTenant
from phee.web.exchange import HubApp, Observer
from phee.web.json_input import decode_json, parse_json
from phee.web.openapi import operation_reading
from phee.web.position import POSITION_HEADER, FreshHeaders, FreshQuery, Position, wanted_position
from phee.web.problems import Problem, problem_responses
from phee.web.request import (
    KEY_MAX,
    HeaderParameters,
    HubRequest,
    QueryParameters,
    read_headers,
    read_query,
)
from phee.web.tenant import TENANT_HEADER, TenantHeader, TenantResolver

__all__ = [
    "KEY_MAX",
    "MAX_BODY_BYTES",
    "POSITION_HEADER",
    "TENANT_HEADER",
    "FieldProblem",
    "FreshHeaders",
    "FreshQuery",
    "HeaderParameters",
    "HubApp",
    "HubRequest",
    "InvalidFields",
    "InvalidJson",
    "MissingTenant",
    "Observer",
    "Position",
    "Problem",
    "QueryParameters",
    "TenantHeader",
    "TenantResolver",
    "create_app",
    "decode_json",
    "operation_reading",
    "parse_json",
    "problem_responses",
    "read_headers",
    "read_query",
    "wanted_position",
]
