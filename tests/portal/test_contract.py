"""The descriptions of the repository's own plugins fit the contract that the portal reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kit.hosts import Bridge
from kit.stand import Stand

jsonschema = pytest.importorskip("jsonschema")
CONTRACT = json.loads(
    (Path(__file__).parents[2] / "portal/src/contract/schema.json").read_text(encoding="utf-8")
)
DOCUMENT = jsonschema.Draft202012Validator(CONTRACT)
VIEW = jsonschema.Draft202012Validator({"$ref": "#/$defs/view", "$defs": CONTRACT["$defs"]})


@pytest.fixture(scope="module")
def documents(shared_stand: Stand) -> dict[str, dict[str, Any]]:
    """The description of every plugin that is installed, by name."""
    bridge: Bridge = shared_stand.bridge()
    shared_stand.edge("hpc", "--url", bridge.url.replace("http", "ws"))
    bridge.has("hpc", "sysinfo", "psij", "staging", within_s=60)
    found = bridge.edges()["hpc"]["plugins"]
    return {
        name: bridge.get(f"/hpc/{name}/describe")
        for name, about in found.items()
        if about["status"] == "loaded"
    }


def test_the_contract_is_a_schema() -> None:
    """It is JSON Schema itself."""
    jsonschema.Draft202012Validator.check_schema(CONTRACT)


def test_documents_fit(documents: dict[str, dict[str, Any]]) -> None:
    """Every document, and every view in it."""
    for name, document in documents.items():
        for error in DOCUMENT.iter_errors(document):
            pytest.fail(f"{name}{error.json_path}: {error.message}")
        for view in document.get("views", []):
            assert VIEW.is_valid(view), (name, view, jsonschema.exceptions.best_match(VIEW.iter_errors(view)))


def test_everything_named_exists(documents: dict[str, dict[str, Any]]) -> None:
    """Views name resources, streams and operations that there are; those that run unasked only read."""
    for name, document in documents.items():
        operations, resources, topics = (
            document["operations"],
            document.get("resources", {}),
            document["topics"],
        )
        for view in document.get("views", []):
            if "operation" in view:
                assert view["operation"] in operations, (name, view["id"])
                if view["kind"] in {"facts", "gauge", "log"}:
                    assert operations[view["operation"]]["effect"] == "read"
            if "resource" in view:
                assert view["resource"] in resources, (name, view["id"])
            if "stream" in view:
                assert document["streams"][view["stream"]]["topic"] in topics, (name, view["id"])
        for resource in resources.values():
            reads = [
                resource["list"],
                resource.get("get", resource["list"]),
                *(log["operation"] for log in resource.get("logs", [])),
            ]
            assert all(operations[each]["effect"] == "read" for each in reads)
            assert all(action["operation"] in operations for action in resource.get("actions", []))
            if "live" in resource:
                assert resource["live"]["topic"] in topics
        for operation in operations.values():
            if "then" in operation:
                assert operation["then"]["open"] in resources


def test_examples_pass_their_own_schema(documents: dict[str, dict[str, Any]]) -> None:
    """What a document offers as an example would be taken."""
    for document in documents.values():
        for operation in document["operations"].values():
            schema = {**operation["input"], "$defs": document["$defs"]}
            for example in operation["examples"]:
                jsonschema.Draft202012Validator(schema).validate(example["input"])


def words_of(schema: Any) -> set[str]:
    """Every key and every word of a closed list that a schema knows."""
    if isinstance(schema, list):
        return set().union(*map(words_of, schema))
    if not isinstance(schema, dict):
        return set()
    own = (
        {*schema.get("properties", {}), *schema.get("enum", [])}
        if isinstance(schema.get("properties", {}), dict)
        else set()
    )
    return own | set().union(*(words_of(each) for each in schema.values()))


def test_the_reference_names_everything() -> None:
    """Each key and each word that a description may hold is in the reference for authors of plugins."""
    page = (Path(__file__).parents[2] / "docs/reference/ui-contract.md").read_text(encoding="utf-8")
    known = {*re.findall(r"[\w$]+", page)}
    left_to_core = {"name", "version", "docs", "sessions", "GET", "POST", "write", "function"}
    assert words_of(CONTRACT) - known - left_to_core == set()
