"""The rule for a GraphQL endpoint: what comes by GET is a query, whatever else its document holds."""

from urllib.parse import parse_qsl

from graphql import GraphQLSyntaxError, parse
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode, OperationType
from starlette.types import Scope

from pipelines.web.guard import Refusal

_REMEDY = "send the operation by POST as JSON, with Content-Type: application/json"


def queries_alone_by_get(scope: Scope) -> Refusal | None:
    """Refuse an HTTP request that brings anything but queries and their fragments in its address, to `.../graphql`.

    Every parameter `query` is judged, and every operation of its document, whichever of them the server would take.
    """
    if not scope["path"].rstrip("/").endswith("/graphql"):
        return None
    # As Starlette reads it, so that nothing is hidden from the one in a spelling that the other knows.
    parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for name, text in parameters:
        if name == "query" and (refusal := _judge(text)):
            return refusal
    return None


def _judge(text: str) -> Refusal | None:
    try:
        document = parse(text, no_location=True)
    except (GraphQLSyntaxError, RecursionError):
        return Refusal(400, "The query in the address is not GraphQL.", "correct it")
    for definition in document.definitions:
        is_query = isinstance(definition, OperationDefinitionNode) and definition.operation is OperationType.QUERY
        if not is_query and not isinstance(definition, FragmentDefinitionNode):
            return Refusal(405, "An address may bring a GraphQL query, and nothing that changes something.", _REMEDY)
    return None
