"""A check of schemathesis: which statuses a default response stands for."""

import schemathesis
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case


@schemathesis.check
def default_response_states_the_status(ctx, response, case):
    """A default response would excuse every status; ours lists those it stands for."""
    document = case.operation.schema.raw_schema
    declared = document["paths"][case.operation.path][case.operation.method]["responses"]
    if "default" not in declared or is_unexpected_http_status_case(case):
        return
    default = declared["default"]
    if "$ref" in default:  # in some phases it is resolved
        default = document["components"]["responses"][default["$ref"].rsplit("/", 1)[-1]]
    is_declared = str(response.status_code) in [*declared, *default["x-statuses"]]
    assert is_declared, f"{response.status_code} is not declared"
