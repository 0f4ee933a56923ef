"""The definition of the REST API refuses early what API Gateway would refuse late."""

import pytest

from infra.rest_definition import Definition, Model

URI = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/books/invocations"


def definition(*origins: str) -> Definition:
    return Definition("books", "Our books", "v1", "arn:pool", origins)


def test_a_route_is_told_once() -> None:
    books = definition()
    books.route("GET", "books/{book_id}", URI)
    books.route("PUT", "books/{book_id}", URI)

    with pytest.raises(ValueError, match=r"GET /books/{book_id} is routed twice"):
        books.route("GET", "books/{book_id}", URI)


def test_what_varies_at_one_place_has_one_name() -> None:
    books = definition()
    books.route("GET", "books/{book_id}", URI)
    books.route("GET", "papers/{paper_id}", URI)

    with pytest.raises(ValueError, match=r"after /books/ comes {id}, and elsewhere {book_id}"):
        books.route("GET", "books/{id}/pages", URI)


def test_a_path_starts_with_a_word() -> None:
    with pytest.raises(ValueError, match=r"begins with a slash"):
        definition().route("GET", "/books", URI)


def test_a_path_has_one_preflight_whatever_its_methods() -> None:
    books = definition("https://books.example")
    books.route("GET", "books", URI)
    books.route("POST", "books", URI)

    assert list(books.document()["paths"]["/books"]) == ["options", "get", "post"]


def test_one_origin_is_told_without_asking_and_of_refusals_too() -> None:
    books = definition("https://books.example")
    books.route("GET", "books", URI)
    document = books.document()
    preflight = document["paths"]["/books"]["options"]["x-amazon-apigateway-integration"]

    assert "responseTemplates" not in preflight["responses"]["default"]
    for refusal in document["x-amazon-apigateway-gateway-responses"].values():
        told = refusal["responseParameters"]
        assert told["gatewayresponse.header.Access-Control-Allow-Origin"] == (
            "'https://books.example'"
        )


def test_a_name_of_a_model_is_of_one() -> None:
    books = definition()
    books.route("POST", "books", URI, body=Model("Book", {"type": "object"}))
    books.route("PUT", "books/{book_id}", URI, body=Model("Book", {"type": "object"}))

    with pytest.raises(ValueError, match="Book is another model already: give this one"):
        books.route("POST", "papers", URI, body=Model("Book", {"type": "array"}))


def test_a_model_is_told_where_a_body_is_to_be_like_it() -> None:
    books = definition()
    books.route("POST", "books", URI, body=Model("Book", {"type": "object"}))
    document = books.document()
    body = document["paths"]["/books"]["post"]["requestBody"]

    assert document["components"]["schemas"] == {"Book": {"type": "object"}}
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Book"}
