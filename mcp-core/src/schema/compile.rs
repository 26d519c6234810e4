//! Schemas to nodes.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::{
    SchemaError, Validator,
    flat::Flat,
    index::Index,
    node::{
        ArrayRules, Contains, InPlace, Node, NodeId, NumberRules, ObjectRules, Resource,
        ResourceId, StringRules,
    },
    number::{Multiple, Numeric},
    pattern::Pattern,
    types::Types,
};

/// What is left to compile, and what has been.
pub(super) struct Compiler<'s> {
    index: Index<'s>,
    nodes: Vec<Node>,
    /// By where the schema is in memory.
    ids: HashMap<*const Value, NodeId>,
    left: Vec<(NodeId, &'s Value, String)>,
    has_dynamic_references: bool,
}

/// One schema on its way to a node.
struct Keywords<'c, 's> {
    compiler: &'c mut Compiler<'s>,
    resource: ResourceId,
    members: &'s Map<String, Value>,
    /// Where in the document, as a JSON pointer.
    place: String,
}

impl<'s> Compiler<'s> {
    pub(super) fn compile(document: &'s Value) -> Result<Validator, SchemaError> {
        let mut compiler = Self {
            index: Index::new(document).map_err(SchemaError::Invalid)?,
            nodes: Vec::new(),
            ids: HashMap::new(),
            left: Vec::new(),
            has_dynamic_references: false,
        };
        let root = compiler.node(document, ResourceId(0), String::new());
        compiler.finish()?;
        let mut resources = Vec::new();
        resources.resize_with(compiler.index.resources(), Resource::default);
        if compiler.has_dynamic_references {
            let dynamic: Vec<_> = compiler.index.dynamic().collect();
            for (resource, name, schema) in dynamic {
                let node = compiler.node(schema, resource, format!("#{name}"));
                resources[resource.0 as usize].dynamic.push((name.to_owned(), node));
            }
            compiler.finish()?;
        }
        let flat = Flat::of(&compiler.nodes, root);
        let validator = Validator { nodes: compiler.nodes, resources, root, flat };
        validator.refuse_circles()?;
        Ok(validator)
    }

    /// The node of a schema, which is compiled later unless it has been.
    fn node(&mut self, schema: &'s Value, outer: ResourceId, place: String) -> NodeId {
        if let Some(id) = self.ids.get(&std::ptr::from_ref(schema)) {
            return *id;
        }
        // A document has fewer schemas than bytes, and is held in memory.
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node::anything(self.index.resource_of(schema, outer)));
        self.ids.insert(schema, id);
        self.left.push((id, schema, place));
        id
    }

    fn finish(&mut self) -> Result<(), SchemaError> {
        // Not by recursion: references can lead from schema to schema any number of times.
        while let Some((id, schema, place)) = self.left.pop() {
            let resource = self.nodes[id.0 as usize].resource;
            let node = match schema {
                Value::Bool(fits) => Node { never: !fits, ..Node::anything(resource) },
                Value::Object(members) => {
                    let mut node = Node::anything(resource);
                    Keywords { compiler: self, resource, members, place }.read_into(&mut node)?;
                    node
                }
                other => {
                    return Err(SchemaError::Invalid(format!(
                        "`{place}`: {other} is no schema: neither object nor boolean"
                    )));
                }
            };
            self.nodes[id.0 as usize] = node;
        }
        Ok(())
    }
}

impl<'s> Keywords<'_, 's> {
    fn read_into(mut self, node: &mut Node) -> Result<(), SchemaError> {
        let mut numbers = NumberRules::default();
        let mut strings = StringRules::default();
        let mut arrays = ArrayRules::default();
        let mut objects = ObjectRules::default();
        let [mut has_numbers, mut has_strings, mut has_arrays, mut has_objects] = [false; 4];
        for (keyword, value) in self.members {
            let keyword = keyword.as_str();
            match keyword {
                "type" => node.types = Some(self.types(value)?),
                "const" => node.constant = Some(value.clone()),
                "enum" => node.options = Some(self.list(keyword, value)?.clone()),

                "minimum" => numbers.minimum = Some(self.number(keyword, value)?.clone()),
                "maximum" => numbers.maximum = Some(self.number(keyword, value)?.clone()),
                "exclusiveMinimum" => {
                    numbers.exclusive_minimum = Some(self.number(keyword, value)?.clone());
                }
                "exclusiveMaximum" => {
                    numbers.exclusive_maximum = Some(self.number(keyword, value)?.clone());
                }
                "multipleOf" => {
                    let multiple = Multiple::new(self.number(keyword, value)?);
                    let multiple = multiple.ok_or_else(|| self.must(keyword, "be more than 0"))?;
                    numbers.multiple_of = Some(multiple);
                }

                "minLength" => strings.min_length = Some(self.count(keyword, value)?),
                "maxLength" => strings.max_length = Some(self.count(keyword, value)?),
                "pattern" => {
                    strings.pattern = Some(self.pattern(keyword, self.string(keyword, value)?)?);
                }

                "minItems" => arrays.min_items = Some(self.count(keyword, value)?),
                "maxItems" => arrays.max_items = Some(self.count(keyword, value)?),
                "uniqueItems" => {
                    let unique = value.as_bool();
                    arrays.unique = unique.ok_or_else(|| self.must(keyword, "be a boolean"))?;
                }
                "prefixItems" => arrays.prefix = self.nodes(keyword, value)?,
                "items" => arrays.items = Some(self.items(keyword, value)?),
                "contains" => arrays.contains = Some(self.contains(keyword, value)?),

                "minProperties" => objects.min_properties = Some(self.count(keyword, value)?),
                "maxProperties" => objects.max_properties = Some(self.count(keyword, value)?),
                "required" => objects.required = self.strings(keyword, value)?,
                "dependentRequired" => {
                    for (name, value) in self.map(keyword, value)? {
                        let names = self.strings(keyword, value)?;
                        objects.dependent_required.push((name.clone(), names));
                    }
                }
                "dependentSchemas" => objects.dependent_schemas = self.named(keyword, value)?,
                "propertyNames" => objects.names = Some(self.node(keyword, value)),
                "properties" => {
                    objects.properties = self.named(keyword, value)?;
                    objects.properties.sort_by(|(one, _), (other, _)| one.cmp(other));
                }
                "patternProperties" => {
                    for (pattern, node) in self.named(keyword, value)? {
                        objects.patterns.push((self.pattern(keyword, &pattern)?, node));
                    }
                }
                "additionalProperties" => objects.additional = Some(self.node(keyword, value)),

                "allOf" => node.in_place.push(InPlace::AllOf(self.nodes(keyword, value)?)),
                "anyOf" => node.in_place.push(InPlace::AnyOf(self.nodes(keyword, value)?)),
                "oneOf" => node.in_place.push(InPlace::OneOf(self.nodes(keyword, value)?)),
                "not" => node.in_place.push(InPlace::Not(self.node(keyword, value))),
                "if" => {
                    let branch = self.branches(keyword, value);
                    node.in_place.push(branch);
                }
                "$ref" => {
                    let reference = self.string(keyword, value)?;
                    node.in_place.push(InPlace::Ref(self.reference(keyword, reference)?.0));
                }
                "$dynamicRef" => {
                    let reference = self.string(keyword, value)?;
                    let found = self.dynamic_reference(keyword, reference)?;
                    node.in_place.push(found);
                }

                "unevaluatedItems" => node.unevaluated_items = Some(self.node(keyword, value)),
                "unevaluatedProperties" => {
                    node.unevaluated_properties = Some(self.node(keyword, value));
                }
                // Annotations, and what belongs to another keyword.
                _ => continue,
            }
            match keyword {
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                    has_numbers = true;
                }
                "minLength" | "maxLength" | "pattern" => has_strings = true,
                "minItems" | "maxItems" | "uniqueItems" | "prefixItems" | "items" | "contains" => {
                    has_arrays = true;
                }
                "minProperties"
                | "maxProperties"
                | "required"
                | "dependentRequired"
                | "dependentSchemas"
                | "propertyNames"
                | "properties"
                | "patternProperties"
                | "additionalProperties" => has_objects = true,
                _ => {}
            }
        }
        node.numbers = has_numbers.then(|| Box::new(numbers));
        node.strings = has_strings.then(|| Box::new(strings));
        node.arrays = has_arrays.then(|| Box::new(arrays));
        node.objects = has_objects.then(|| Box::new(objects));
        Ok(())
    }

    fn types(&self, value: &Value) -> Result<Types, SchemaError> {
        let names = match value {
            Value::Array(names) if !names.is_empty() => names.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut types = Types::default();
        for name in names {
            if !name.as_str().is_some_and(|name| types.add(name)) {
                return Err(self.must("type", "name types of JSON"));
            }
        }
        Ok(types)
    }

    fn number(&self, keyword: &str, value: &'s Value) -> Result<&'s Number, SchemaError> {
        match value {
            Value::Number(number) => Ok(number),
            _ => Err(self.must(keyword, "be a number")),
        }
    }

    /// An integer, also one that is written like `2.0`, that is not negative.
    fn count(&self, keyword: &str, value: &'s Value) -> Result<u64, SchemaError> {
        let number = self.number(keyword, value)?;
        match Numeric::of(number) {
            Numeric::Integer(integer) => u64::try_from(integer).ok(),
            // More than there can be of anything is as much as can be told apart.
            Numeric::Float(float) if float >= 0.0 && float.fract() == 0.0 => Some(float as u64),
            Numeric::Float(_) => None,
        }
        .ok_or_else(|| self.must(keyword, "be an integer of at least 0"))
    }

    fn string(&self, keyword: &str, value: &'s Value) -> Result<&'s str, SchemaError> {
        value.as_str().ok_or_else(|| self.must(keyword, "be a string"))
    }

    fn list(&self, keyword: &str, value: &'s Value) -> Result<&'s Vec<Value>, SchemaError> {
        value.as_array().ok_or_else(|| self.must(keyword, "be an array"))
    }

    fn strings(&self, keyword: &str, value: &'s Value) -> Result<Vec<String>, SchemaError> {
        let strings = self.list(keyword, value)?.iter();
        strings.map(|value| self.string(keyword, value).map(str::to_owned)).collect()
    }

    fn map(&self, keyword: &str, value: &'s Value) -> Result<&'s Map<String, Value>, SchemaError> {
        value.as_object().ok_or_else(|| self.must(keyword, "be an object"))
    }

    fn pattern(&self, keyword: &str, pattern: &str) -> Result<Pattern, SchemaError> {
        Pattern::new(pattern).map_err(|reason| {
            SchemaError::Pattern(format!("`{}`: {reason}", self.place_of(keyword)))
        })
    }

    fn node(&mut self, keyword: &str, schema: &'s Value) -> NodeId {
        let place = self.place_of(keyword);
        self.compiler.node(schema, self.resource, place)
    }

    fn nodes(&mut self, keyword: &str, value: &'s Value) -> Result<Vec<NodeId>, SchemaError> {
        let schemas = self.list(keyword, value)?;
        if schemas.is_empty() {
            return Err(self.must(keyword, "have a schema"));
        }
        let nodes = schemas.iter().enumerate().map(|(index, schema)| {
            let place = format!("{}/{index}", self.place_of(keyword));
            self.compiler.node(schema, self.resource, place)
        });
        Ok(nodes.collect())
    }

    fn named(
        &mut self,
        keyword: &str,
        value: &'s Value,
    ) -> Result<Vec<(String, NodeId)>, SchemaError> {
        let schemas = self.map(keyword, value)?.iter();
        let nodes = schemas.map(|(name, schema)| {
            let place = format!("{}/{name}", self.place_of(keyword));
            (name.clone(), self.compiler.node(schema, self.resource, place))
        });
        Ok(nodes.collect())
    }

    fn items(&mut self, keyword: &str, value: &'s Value) -> Result<NodeId, SchemaError> {
        match value {
            // As it was before 2020-12.
            Value::Array(_) => Err(self.must(keyword, "be one schema; a list is `prefixItems`")),
            schema => Ok(self.node(keyword, schema)),
        }
    }

    fn contains(&mut self, keyword: &str, value: &'s Value) -> Result<Contains, SchemaError> {
        let count = |name| self.members.get(name).map(|value| self.count(name, value)).transpose();
        let (min, max) = (count("minContains")?.unwrap_or(1), count("maxContains")?);
        Ok(Contains { node: self.node(keyword, value), min, max })
    }

    fn branches(&mut self, keyword: &str, condition: &'s Value) -> InPlace {
        let mut branch =
            |name| self.members.get(name).map(|schema: &'s Value| self.node(name, schema));
        let (then, otherwise) = (branch("then"), branch("else"));
        InPlace::If { condition: self.node(keyword, condition), then, otherwise }
    }

    fn reference(
        &mut self,
        keyword: &str,
        reference: &str,
    ) -> Result<(NodeId, super::index::Located<'s>), SchemaError> {
        let found = self.compiler.index.find(reference, self.resource);
        let found = found.map_err(|reason| self.fault(keyword, &reason))?;
        Ok((self.compiler.node(found.0, found.1, reference.to_owned()), found))
    }

    fn dynamic_reference(
        &mut self,
        keyword: &str,
        reference: &str,
    ) -> Result<InPlace, SchemaError> {
        let (node, found) = self.reference(keyword, reference)?;
        Ok(match self.compiler.index.dynamic_name(reference, found) {
            None => InPlace::Ref(node),
            Some(name) => {
                self.compiler.has_dynamic_references = true;
                InPlace::DynamicRef { name: name.to_owned(), otherwise: node }
            }
        })
    }

    fn place_of(&self, keyword: &str) -> String {
        format!("{}/{keyword}", self.place)
    }

    fn must(&self, keyword: &str, what: &str) -> SchemaError {
        self.fault(keyword, &format!("must {what}"))
    }

    fn fault(&self, keyword: &str, reason: &str) -> SchemaError {
        SchemaError::Invalid(format!("`{}`: {reason}", self.place_of(keyword)))
    }
}

impl Validator {
    /// A schema that is checked by checking itself, of the same value, would never be done.
    fn refuse_circles(&self) -> Result<(), SchemaError> {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            No,
            OnTheWay,
            Done,
        }

        let mut seen = vec![Seen::No; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let mut way = vec![(start, None)];
            while let Some((node, next)) = way.last_mut() {
                if next.is_none() && seen[*node] != Seen::No {
                    if seen[*node] == Seen::OnTheWay {
                        let reason = "a `$ref` leads back to itself, by schemas that all are \
                                      about the same value";
                        return Err(SchemaError::Invalid(reason.to_owned()));
                    }
                    way.pop();
                    continue;
                }
                let at = *node;
                seen[at] = Seen::OnTheWay;
                let edges = next.get_or_insert_with(|| self.about_the_same(at));
                match edges.pop() {
                    Some(edge) => way.push((edge.0 as usize, None)),
                    None => {
                        seen[at] = Seen::Done;
                        way.pop();
                    }
                }
            }
        }
        Ok(())
    }

    /// The nodes that may be asked about the same value as this one.
    fn about_the_same(&self, node: usize) -> Vec<NodeId> {
        let node = &self.nodes[node];
        let mut nodes = Vec::new();
        if let Some(objects) = &node.objects {
            nodes.extend(objects.dependent_schemas.iter().map(|(_, node)| *node));
        }
        for schemas in &node.in_place {
            match schemas {
                InPlace::AllOf(ids) | InPlace::AnyOf(ids) | InPlace::OneOf(ids) => {
                    nodes.extend(ids);
                }
                InPlace::Not(id) | InPlace::Ref(id) => nodes.push(*id),
                InPlace::If { condition, then, otherwise } => {
                    nodes.extend([Some(*condition), *then, *otherwise].into_iter().flatten());
                }
                InPlace::DynamicRef { name, otherwise } => {
                    nodes.push(*otherwise);
                    nodes.extend(self.resources.iter().filter_map(|other| other.dynamic(name)));
                }
            }
        }
        nodes
    }
}
