//! Which schemas a schema document holds, and under which names (2020-12 Core, section 8.2).

use std::collections::HashMap;

use serde_json::Value;

use super::{node::ResourceId, uri};

/// Keywords with one schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords with a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords with named schemas.
const MAPS: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// A schema, and the resource that it is a part of.
pub(super) type Located<'s> = (&'s Value, ResourceId);

/// The schemas of a document by their names.
pub(super) struct Index<'s> {
    resources: Vec<Resource<'s>>,
    by_uri: HashMap<String, ResourceId>,
    /// Resources by where their schema is in memory.
    roots: HashMap<*const Value, ResourceId>,
}

struct Resource<'s> {
    uri: String,
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    dynamic: HashMap<&'s str, &'s Value>,
}

impl<'s> Index<'s> {
    pub(super) fn new(document: &'s Value) -> Result<Self, String> {
        let mut index =
            Self { resources: Vec::new(), by_uri: HashMap::new(), roots: HashMap::new() };
        let root = index.add("", document)?;
        let mut left = vec![(document, root)];
        while let Some((schema, resource)) = left.pop() {
            index.take(schema, resource, &mut left)?;
        }
        Ok(index)
    }

    fn add(&mut self, base: &str, root: &'s Value) -> Result<ResourceId, String> {
        let uri = match root.get("$id").and_then(Value::as_str).map(uri::split_fragment) {
            None => String::new(),
            Some((id, "")) => uri::resolve(base, id),
            Some((_, fragment)) => return Err(format!("`$id` has a fragment: `#{fragment}`")),
        };
        let id = ResourceId(u32::try_from(self.resources.len()).map_err(|_| "too many schemas")?);
        if self.by_uri.insert(uri.clone(), id).is_some() {
            return Err(format!("two schemas have the `$id` `{uri}`"));
        }
        self.roots.insert(root, id);
        self.resources.push(Resource {
            uri,
            root,
            anchors: HashMap::new(),
            dynamic: HashMap::new(),
        });
        Ok(id)
    }

    /// Notes the names of one schema, and adds the schemas in it to what is left to do.
    fn take(
        &mut self,
        schema: &'s Value,
        mut resource: ResourceId,
        left: &mut Vec<Located<'s>>,
    ) -> Result<(), String> {
        let Value::Object(members) = schema else { return Ok(()) };
        if members.get("$id").is_some_and(Value::is_string) && self.root_of(schema).is_none() {
            let base = self.resources[resource.0 as usize].uri.clone();
            resource = self.add(&base, schema)?;
        }
        let Resource { anchors, dynamic, .. } = &mut self.resources[resource.0 as usize];
        let dynamic_anchor = members.get("$dynamicAnchor").and_then(Value::as_str);
        if let Some(name) = dynamic_anchor {
            dynamic.insert(name, schema);
        }
        for name in members.get("$anchor").and_then(Value::as_str).into_iter().chain(dynamic_anchor)
        {
            if anchors.insert(name, schema).is_some_and(|other| !std::ptr::eq(other, schema)) {
                return Err(format!("two schemas have the anchor `{name}`"));
            }
        }
        for (keyword, value) in members {
            let keyword = keyword.as_str();
            match value {
                value if ONE.contains(&keyword) => left.push((value, resource)),
                Value::Array(schemas) if LISTS.contains(&keyword) => {
                    left.extend(schemas.iter().map(|schema| (schema, resource)));
                }
                Value::Object(schemas) if MAPS.contains(&keyword) => {
                    left.extend(schemas.values().map(|schema| (schema, resource)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn root_of(&self, schema: &Value) -> Option<ResourceId> {
        self.roots.get(&std::ptr::from_ref(schema)).copied()
    }

    /// The resource of a schema that stands in another one.
    pub(super) fn resource_of(&self, schema: &Value, outer: ResourceId) -> ResourceId {
        self.root_of(schema).unwrap_or(outer)
    }

    /// All schemas with a dynamic anchor, by resource.
    pub(super) fn dynamic(&self) -> impl Iterator<Item = (ResourceId, &'s str, &'s Value)> {
        self.resources.iter().zip(0..).flat_map(|(resource, id)| {
            resource.dynamic.iter().map(move |(name, schema)| (ResourceId(id), *name, *schema))
        })
    }

    pub(super) fn resources(&self) -> usize {
        self.resources.len()
    }

    /// What a reference from within a resource leads to.
    pub(super) fn find(&self, reference: &str, from: ResourceId) -> Result<Located<'s>, String> {
        let (address, fragment) = uri::split_fragment(reference);
        let resource = if address.is_empty() {
            from
        } else {
            let address = uri::resolve(&self.resources[from.0 as usize].uri, address);
            *self.by_uri.get(&address).ok_or_else(|| {
                format!(
                    "`{reference}` leads to `{address}`, which is not a part of this schema, and \
                     nothing is fetched: put it under `$defs`"
                )
            })?
        };
        let found = uri::decode(fragment).and_then(|fragment| {
            let Resource { root, anchors, .. } = &self.resources[resource.0 as usize];
            if fragment.is_empty() {
                Some((*root, resource))
            } else if fragment.starts_with('/') {
                self.follow((root, resource), &fragment)
            } else {
                Some((*anchors.get(fragment.as_str())?, resource))
            }
        });
        found.ok_or_else(|| format!("`{reference}` leads nowhere"))
    }

    fn follow(&self, from: Located<'s>, pointer: &str) -> Option<Located<'s>> {
        pointer.split('/').skip(1).try_fold(from, |(value, resource), step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            let value = match value {
                Value::Object(members) => members.get(&step)?,
                Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
            Some((value, self.resource_of(value, resource)))
        })
    }

    /// The name by which `$dynamicRef` has to look further than to where it leads first.
    pub(super) fn dynamic_name<'r>(
        &self,
        reference: &'r str,
        found: Located<'s>,
    ) -> Option<&'r str> {
        let (_, name) = uri::split_fragment(reference);
        let dynamic = &self.resources[found.1.0 as usize].dynamic;
        dynamic.get(name).is_some_and(|schema| std::ptr::eq(*schema, found.0)).then_some(name)
    }
}
