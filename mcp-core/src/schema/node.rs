//! A compiled schema: what each keyword demands, by the type of value that it applies to.

use serde_json::{Number, Value};

use super::{number::Multiple, pattern::Pattern, types::Types};

/// One schema among all that a schema is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(pub(super) u32);

/// A schema with an `$id` of its own, among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResourceId(pub(super) u32);

/// One schema.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) resource: ResourceId,
    /// Whether it is `false`, which nothing fits.
    pub(super) never: bool,
    pub(super) types: Option<Types>,
    pub(super) constant: Option<Value>,
    pub(super) options: Option<Vec<Value>>,
    pub(super) numbers: Option<Box<NumberRules>>,
    pub(super) strings: Option<Box<StringRules>>,
    pub(super) arrays: Option<Box<ArrayRules>>,
    pub(super) objects: Option<Box<ObjectRules>>,
    /// Schemas that the same value has to do with.
    pub(super) in_place: Vec<InPlace>,
    pub(super) unevaluated_items: Option<NodeId>,
    pub(super) unevaluated_properties: Option<NodeId>,
}

impl Node {
    /// What anything fits.
    pub(super) fn anything(resource: ResourceId) -> Self {
        Self {
            resource,
            never: false,
            types: None,
            constant: None,
            options: None,
            numbers: None,
            strings: None,
            arrays: None,
            objects: None,
            in_place: Vec::new(),
            unevaluated_items: None,
            unevaluated_properties: None,
        }
    }

    /// Whether it has to know what the schemas of the same value have looked at.
    pub(super) fn tracks(&self) -> bool {
        self.unevaluated_items.is_some() || self.unevaluated_properties.is_some()
    }
}

#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<Number>,
    pub(super) exclusive_minimum: Option<Number>,
    pub(super) maximum: Option<Number>,
    pub(super) exclusive_maximum: Option<Number>,
    pub(super) multiple_of: Option<Multiple>,
}

/// Lengths are in characters, as Unicode counts them.
#[derive(Debug, Default)]
pub(super) struct StringRules {
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) pattern: Option<Pattern>,
}

#[derive(Debug, Default)]
pub(super) struct ArrayRules {
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) unique: bool,
    pub(super) prefix: Vec<NodeId>,
    /// All after the prefix.
    pub(super) items: Option<NodeId>,
    pub(super) contains: Option<Contains>,
}

#[derive(Debug)]
pub(super) struct Contains {
    pub(super) node: NodeId,
    pub(super) min: u64,
    pub(super) max: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) required: Vec<String>,
    pub(super) dependent_required: Vec<(String, Vec<String>)>,
    pub(super) dependent_schemas: Vec<(String, NodeId)>,
    pub(super) names: Option<NodeId>,
    /// In the order of their names.
    pub(super) properties: Vec<(String, NodeId)>,
    pub(super) patterns: Vec<(Pattern, NodeId)>,
    /// All that neither are properties nor match a pattern.
    pub(super) additional: Option<NodeId>,
}

impl ObjectRules {
    pub(super) fn property(&self, name: &str) -> Option<NodeId> {
        let place = self.properties.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(self.properties[place].1)
    }
}

#[derive(Debug)]
pub(super) enum InPlace {
    AllOf(Vec<NodeId>),
    AnyOf(Vec<NodeId>),
    OneOf(Vec<NodeId>),
    Not(NodeId),
    If {
        condition: NodeId,
        then: Option<NodeId>,
        otherwise: Option<NodeId>,
    },
    Ref(NodeId),
    /// What the outermost schema on the way here has under this name.
    DynamicRef {
        name: String,
        otherwise: NodeId,
    },
}

/// A schema with an `$id` of its own: what it has for `$dynamicRef` to find.
#[derive(Debug, Default)]
pub(super) struct Resource {
    pub(super) dynamic: Vec<(String, NodeId)>,
}

impl Resource {
    pub(super) fn dynamic(&self, name: &str) -> Option<NodeId> {
        self.dynamic.iter().find(|(known, _)| known == name).map(|(_, node)| *node)
    }
}
