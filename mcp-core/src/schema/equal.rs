//! When two values of JSON are the same (2020-12, section 4.2.2).

use std::{
    cmp::Ordering,
    hash::{BuildHasher as _, Hash as _, Hasher, RandomState},
};

use serde_json::Value;

use super::number::Numeric;

/// Up to how many items are compared each with each.
const FEW: usize = 16;

/// Numbers are the same if their values are, objects in whatever order their members stand.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            Numeric::of(one).compare(Numeric::of(other)) == Ordering::Equal
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}

/// Whether no two of the items are the same.
pub(super) fn all_different(items: &[Value]) -> bool {
    if items.len() <= FEW {
        return items
            .iter()
            .enumerate()
            .all(|(index, item)| !items[..index].iter().any(|earlier| equal(item, earlier)));
    }
    // A client chooses how many there are: comparing each with each could take hours. It cannot
    // choose items whose hashes are the same, as it does not know the hasher's keys.
    let hashes = RandomState::new();
    let mut hashed: Vec<(u64, &Value)> = items
        .iter()
        .map(|item| {
            let mut hasher = hashes.build_hasher();
            hash(item, &hashes, &mut hasher);
            (hasher.finish(), item)
        })
        .collect();
    hashed.sort_unstable_by_key(|(hash, _)| *hash);
    hashed.chunk_by(|(one, _), (other, _)| one == other).all(|same| {
        same.iter()
            .enumerate()
            .all(|(index, (_, item))| !same[..index].iter().any(|(_, other)| equal(item, other)))
    })
}

/// The same for values that are the same.
fn hash(value: &Value, hashes: &RandomState, hasher: &mut impl Hasher) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(value) => (1_u8, value).hash(hasher),
        Value::Number(number) => match Numeric::of(number) {
            Numeric::Float(float) if !(float.fract() == 0.0 && float.abs() < 1e20) => {
                (2_u8, float.to_bits()).hash(hasher);
            }
            Numeric::Float(float) => (3_u8, float as i128).hash(hasher),
            Numeric::Integer(integer) => (3_u8, integer).hash(hasher),
        },
        Value::String(text) => (4_u8, text).hash(hasher),
        Value::Array(items) => {
            (5_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| hash(item, hashes, hasher));
        }
        Value::Object(members) => {
            let sum = members.iter().fold(0_u64, |sum, (name, value)| {
                let mut member = hashes.build_hasher();
                name.hash(&mut member);
                hash(value, hashes, &mut member);
                sum.wrapping_add(member.finish())
            });
            (6_u8, members.len(), sum).hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_same_does_not_depend_on_how_it_is_written() {
        let same = [
            (json!(1), json!(1.0)),
            (json!(0), json!(-0.0)),
            (json!([1, {"a": 2.0}]), json!([1.0, {"a": 2}])),
            (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})),
        ];
        for (one, other) in same {
            assert!(equal(&one, &other), "{one} = {other}");
        }
        let different = [
            (json!(1), json!(true)),
            (json!(0), json!(false)),
            (json!("1"), json!(1)),
            (json!({"a": null}), json!({"b": null})),
            (json!([1, 2]), json!([2, 1])),
        ];
        for (one, other) in different {
            assert!(!equal(&one, &other), "{one} is not {other}");
        }
    }

    #[test]
    fn the_same_is_found_among_many() {
        let kinds = [json!({"a": 1, "b": [2]}), json!(1), json!("x"), json!([{}]), json!(1.5)];
        let twins =
            [json!({"b": [2.0], "a": 1.0}), json!(1.0), json!("x"), json!([{}]), json!(1.5)];
        for (kind, twin) in kinds.into_iter().zip(twins) {
            for length in [2, FEW, FEW + 1, 10_000] {
                let mut items: Vec<Value> = (10..length + 8).map(Value::from).collect();
                items.push(kind.clone());
                assert!(all_different(&items));
                items.insert(0, twin.clone());
                assert!(!all_different(&items), "{twin} among {length}");
            }
        }
    }
}
