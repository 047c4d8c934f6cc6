#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Validates what the program prints as JSON against the schemas in docs/schemas/.
A key that a schema does not describe fails too, though readers must accept it:
then the schema is to be completed.

usage: check_schemas.py SCHEMAS FUSETRACE GENERATE_RECORDING
       check_schemas.py SCHEMAS FUSETRACE --bench
"""

import copy
import json
import os
import subprocess
import sys
import tempfile

import jsonschema


def strict(schema):
    """The schema with every object closed."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema and isinstance(schema["properties"], dict):
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [strict(value) for value in schema]
    return schema


def objects(value, path=()):
    """Every object in a document, with where it is."""
    if isinstance(value, dict):
        yield path
        for key, entry in value.items():
            yield from objects(entry, path + (key,))
    elif isinstance(value, list):
        for index, entry in enumerate(value[:1]):
            yield from objects(entry, path + (index,))


def at(document, path):
    for key in path:
        document = document[key]
    return document


class Schemas:
    def __init__(self, folder):
        self.validators = {}
        self.bitten = set()
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name)) as file:
                schema = json.load(file)
            jsonschema.Draft202012Validator.check_schema(schema)
            document = schema["properties"]["schema"]["const"]
            if name != document.removeprefix("fusetrace.").removesuffix("/1") + ".schema.json":
                sys.exit(f"{name} is that of {document}")
            self.validators[document] = (
                jsonschema.Draft202012Validator(schema),
                jsonschema.Draft202012Validator(strict(schema)),
            )

    def check(self, name, *command):
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        document = json.loads(output)
        plain, closed = self.validators[name]
        for validator, hint in ((plain, ""), (closed, " (complete the schema in docs/schemas/)")):
            for error in validator.iter_errors(document):
                where = "/".join(map(str, error.absolute_path))
                sys.exit(f"{name}: {where}: {error.message[:300]}{hint}")
        if name not in self.bitten:
            self.check_that_it_bites(name, document)
            self.bitten.add(name)
        print(f"{name}: {len(output)} bytes of {' '.join(command[1:3])} are valid")

    def check_that_it_bites(self, name, document):
        """A key that is missing from a fixed object, or has another type, is found."""
        plain, closed = self.validators[name]
        for path in objects(document):
            for key in at(document, path):
                damaged = copy.deepcopy(document)
                at(damaged, path)[key] = ["not", {"this": "type"}]
                if plain.is_valid(damaged):
                    sys.exit(f"{name}: any type will do for {'/'.join(map(str, path + (key,)))}")
        damaged = {key: value for key, value in document.items() if key != "schema"}
        if plain.is_valid(damaged):
            sys.exit(f"{name}: a document without schema is valid")
        if closed.is_valid({**document, "key_of_no_schema": 1}):
            sys.exit(f"{name}: the closed schema is open")


def check_recordings(schemas, fusetrace, generate):
    with tempfile.TemporaryDirectory() as directory:
        made = []
        for name, options in (
            ("a", ["--requests", "3000"]),
            ("b", ["--requests", "3000", "--seed", "2"]),
            ("few", ["--requests", "100", "--cpus", "2", "--connections", "1"]),
            ("none", ["--requests", "0"]),
        ):
            made.append(os.path.join(directory, name))
            subprocess.run([generate, made[-1], *options], check=True, stderr=subprocess.DEVNULL)
        for recording in made:
            schemas.check("fusetrace.report/1", fusetrace, "report", "--json", recording)
        a, b, few, _ = made
        for base, new in (([a], [b]), ([a, b, a], [b, a, b]), ([a], [few])):
            schemas.check(
                "fusetrace.diff/1", fusetrace, "diff", "--json", "--base", *base, "--new", *new
            )
    schemas.check("fusetrace.list/1", fusetrace, "list", "--json")
    if os.geteuid() == 0:
        schemas.check("fusetrace.stuck/1", fusetrace, "stuck", "--json", "--stacks")
    schemas.check("fusetrace.doctor/1", fusetrace, "doctor", "--json")


def main():
    folder, fusetrace, generate = sys.argv[1:]
    schemas = Schemas(folder)
    if generate == "--bench":
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            sys.exit(77)  # skipped
        schemas.check("fusetrace.bench/1", fusetrace, "bench", "--json", "--requests", "500")
        # Running totals print the same document. What the workload prints is not it.
        workload = f"{fusetrace} bench --requests 500 >/dev/null"
        schemas.check("fusetrace.report/1", fusetrace, "stat", "--json", "--", "sh", "-c", workload)
    else:
        check_recordings(schemas, fusetrace, generate)


main()
