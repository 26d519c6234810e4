//! The official test suite: `tests/json-schema-test-suite`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{SchemaError, Validator};

/// Cases that ask for what is left out on purpose.
const LEFT_OUT: [(&str, &str); 9] = [
    // The schema of schemas is not carried along.
    ("defs.json", "validate definition against metaschema"),
    ("ref.json", "remote ref, containing refs itself"),
    // Nor does a schema choose which keywords count.
    ("vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"),
    // A document that is known by two addresses; what is put under `$defs` has one.
    ("refRemote.json", "remote HTTP ref with different $id"),
    ("refRemote.json", "remote HTTP ref with different URN $id"),
    // Properties of Unicode, which need large tables.
    ("ecmascript-regex.json", "patterns always use unicode semantics with pattern"),
    ("ecmascript-regex.json", "patterns always use unicode semantics with patternProperties"),
    ("ecmascript-regex.json", "pattern with non-ASCII digits"),
    ("ecmascript-regex.json", "patternProperties with non-ASCII digits"),
];

#[derive(Deserialize)]
struct Case {
    description: String,
    schema: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    description: String,
    data: Value,
    valid: bool,
}

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json-schema-test-suite")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files_below = folders.iter().flat_map(|folder| self::files(folder));
    files_below.chain(files.clone()).collect()
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents that the suite expects at `http://localhost:1234`.
fn remotes() -> Map<String, Value> {
    let folder = suite().join("remotes");
    let documents = files(&folder).into_iter().map(|path| {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
        let address = format!("http://localhost:1234/{name}");
        let mut document: Value = read(&path);
        if let Value::Object(members) = &mut document {
            members.entry("$id").or_insert_with(|| address.clone().into());
        }
        (address, document)
    });
    documents.collect()
}

/// Compiles a schema; one that refers to other documents with those documents in it, as the
/// specification says to bundle them (2020-12 Core, section 9.3).
fn compile(schema: &Value, remotes: &Map<String, Value>) -> Result<Validator, SchemaError> {
    match Validator::new(schema) {
        Err(SchemaError::Invalid(reason)) if reason.contains("nothing is fetched") => {
            let mut bundle = schema.clone();
            let definitions = bundle.as_object_mut().unwrap().entry("$defs");
            let definitions = definitions.or_insert_with(|| Map::new().into());
            definitions.as_object_mut().unwrap().extend(remotes.clone());
            Validator::new(&bundle)
        }
        result => result,
    }
}

#[test]
fn every_case_of_the_official_suite_gets_its_verdict() {
    let remotes = remotes();
    let mut wrong = Vec::new();
    let mut left_out = 0;
    let mut tests = 0;
    for path in files(&suite().join("tests")) {
        let file = path.file_name().unwrap().to_str().unwrap();
        for case in read::<Vec<Case>>(&path) {
            if LEFT_OUT.contains(&(file, &case.description)) {
                left_out += 1;
                continue;
            }
            let name = format!("{file}, {}", case.description);
            let validator = match compile(&case.schema, &remotes) {
                Ok(validator) => validator,
                Err(reason) => {
                    wrong.push(format!("{name}: {reason}"));
                    continue;
                }
            };
            for test in case.tests {
                tests += 1;
                let is_valid = validator.is_valid(&test.data);
                let faults = validator.faults(&test.data);
                if is_valid != test.valid || is_valid != (faults.count() == 0) {
                    wrong.push(format!("{name}, {}: {is_valid}, {faults:?}", test.description));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tests} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(left_out, LEFT_OUT.len(), "each case that is left out exists");
    assert!(tests > 1_300, "only {tests} tests were found");
}
