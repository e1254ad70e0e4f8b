//! A document of a thousand operations that share a recursive schema: each pair of schemas is compared once, and what
//! they share is reported once.

use spec::diff::{Rule, changes};
use std::fmt::Write;

const OPERATIONS: usize = 1000;

fn document(tree: &str, leaf: &str) -> openapi_dropshot::model::Api {
    let mut text = String::from(
        "openapi: 3.0.3\ninfo: {title: Large, version: 1.0.0}\ntags: [{name: Things}]\nsecurity: []\npaths:\n",
    );
    for number in 0..OPERATIONS {
        write!(
            text,
            "  /things{number}:
    post:
      tags: [Things]
      operationId: createThing{number}
      requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Thing{number}'}}}}}}}}
      responses:
        '200': {{description: Done., content: {{application/json: {{schema: {{$ref: '#/components/schemas/Tree'}}}}}}}}
"
        )
        .expect("a string can be written to");
    }
    text.push_str("components:\n  schemas:\n");
    writeln!(text, "    Tree: {{type: object, properties: {{{tree}, children: {{type: array, items: {{$ref: '#/components/schemas/Tree'}}}}}}}}")
        .expect("a string can be written to");
    for number in 0..OPERATIONS {
        writeln!(
            text,
            "    Thing{number}: {{type: object, properties: {{{leaf}, tree: {{$ref: '#/components/schemas/Tree'}}}}}}"
        )
        .expect("a string can be written to");
    }
    openapi_dropshot::read("large.yaml", &text).unwrap_or_else(|findings| panic!("{findings}"))
}

#[test]
fn a_thousand_operations_are_compared_in_one_go() {
    let old = document("name: {type: string}", "size: {type: integer}");
    let new = document("name: {type: integer}", "size: {type: integer, maximum: 9}");
    let changes = changes(&old, &new);
    let shared: Vec<_> = changes.iter().filter(|change| change.rule == Rule::TypeChanged).collect();
    // Once for the requests, once for the answers.
    assert_eq!(shared.len(), 2, "what all operations share is told once for each direction");
    assert!(shared.iter().all(|change| change.operations.len() == OPERATIONS));
    let own: Vec<_> = changes.iter().filter(|change| change.rule == Rule::ConstraintTightened).collect();
    assert_eq!(own.len(), OPERATIONS);
    assert_eq!(own[7].operations, ["createThing7"]);
    assert_eq!(changes.len(), 2 + OPERATIONS);
}
