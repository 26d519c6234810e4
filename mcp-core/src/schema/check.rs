//! Values against nodes.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{
    Expected, Fault, FaultKind, Faults, Step, Validator,
    budget::{Budget, Overrun},
    equal::{all_different, equal},
    evaluated::Evaluated,
    node::{
        ArrayRules, Contains, InPlace, Node, NodeId, NumberRules, ObjectRules, ResourceId,
        StringRules,
    },
    number::Numeric,
};

/// How many schemas may be under way at once, one within the other. JSON is read to a depth of 128;
/// references and alternatives between two levels of a value come on top of that.
const MOST_NESTED: u16 = 512;

/// A value, and the way to it.
#[derive(Clone, Copy)]
struct At<'p, 'a> {
    value: &'a Value,
    path: Option<&'p Path<'p, 'a>>,
    scope: Option<&'p Scope<'p>>,
    depth: u16,
    budget: &'p Budget<'a>,
}

struct Path<'p, 'a> {
    outer: Option<&'p Self>,
    step: Step<'a>,
}

/// The resources on the way to a schema, which `$dynamicRef` looks through.
struct Scope<'p> {
    outer: Option<&'p Self>,
    resource: ResourceId,
}

/// Where faults are written down, if somebody wants to know them. Otherwise a check ends with the
/// first.
type Report<'r, 'a> = Option<&'r mut Faults<'a>>;

/// Where it is written down what was looked at, if somebody wants to know.
type Seen<'s> = Option<&'s mut Evaluated>;

impl<'a> At<'_, 'a> {
    /// Writes a fault down. Returns that the value does not fit.
    fn fault(&self, report: &mut Report<'_, 'a>, kind: impl FnOnce() -> FaultKind<'a>) -> bool {
        // What was not looked at to its end may not be one.
        if let Some(faults) = report
            && self.budget.overrun().is_none()
        {
            faults.add(|| {
                let mut path = Vec::new();
                let mut rest = self.path;
                while let Some(Path { outer, step }) = rest {
                    path.push(*step);
                    rest = *outer;
                }
                path.reverse();
                Fault { path, value: self.value, kind: kind() }
            });
        }
        false
    }
}

impl Validator {
    pub(super) fn check<'a>(&'a self, value: &'a Value, mut report: Report<'_, 'a>) -> bool {
        let budget = Budget::of(value);
        let at = At { value, path: None, scope: None, depth: 0, budget: &budget };
        let fits = self.node(self.root, at, None, report.as_deref_mut());
        let Some(overrun) = budget.overrun() else { return fits };
        if let Some(faults) = report {
            let kind = match overrun {
                Overrun::Depth => FaultKind::TooDeep,
                Overrun::Work => FaultKind::TooMuchWork,
            };
            faults.add(|| Fault { path: Vec::new(), value, kind });
        }
        false
    }

    /// Whether a part of a value fits the schema for it.
    pub(super) fn fits(&self, id: NodeId, part: &Value) -> bool {
        let budget = Budget::of(part);
        let at = At { value: part, path: None, scope: None, depth: 0, budget: &budget };
        self.node(id, at, None, None) && budget.overrun().is_none()
    }

    fn node<'a>(
        &'a self,
        id: NodeId,
        at: At<'_, 'a>,
        seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let node = &self.nodes[id.0 as usize];
        if node.never {
            return at.fault(&mut report, || FaultKind::Never);
        }
        if at.depth == MOST_NESTED {
            at.budget.too_deep();
            return false;
        }
        if !at.budget.take(1) {
            return false;
        }
        let entered = Scope { outer: at.scope, resource: node.resource };
        let scope = match at.scope {
            Some(scope) if scope.resource == node.resource => scope,
            _ => &entered,
        };
        let at = At { scope: Some(scope), depth: at.depth + 1, ..at };
        if !node.tracks() {
            return self.keywords(node, at, seen, report);
        }
        let mut own = Evaluated::default();
        let fits = self.keywords(node, at, Some(&mut own), report.as_deref_mut())
            && self.unevaluated(node, at, &mut own, report);
        if fits && let Some(seen) = seen {
            seen.add_those_of(&own);
        }
        fits
    }

    /// All but `unevaluatedItems` and `unevaluatedProperties`.
    fn keywords<'a>(
        &'a self,
        node: &'a Node,
        at: At<'_, 'a>,
        mut seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let mut fits = true;
        if let Some(types) = node.types
            && !types.include(at.value)
        {
            fits = at.fault(&mut report, || FaultKind::Type(types));
        }
        if let Some(constant) = &node.constant
            && !equal(at.value, constant)
        {
            fits = at.fault(&mut report, || FaultKind::Constant(constant));
        }
        if let Some(options) = &node.options
            && at.budget.take(options.len() as u64)
            && !options.iter().any(|option| equal(at.value, option))
        {
            fits = at.fault(&mut report, || FaultKind::Options(options));
        }
        if !fits && report.is_none() {
            return false;
        }
        fits &= match at.value {
            Value::Number(number) => {
                node.numbers.as_ref().is_none_or(|rules| rules.check(number, at, &mut report))
            }
            Value::String(text) => node.strings.as_ref().is_none_or(|rules| {
                at.budget.take_text(text) && rules.check(text, at, &mut report)
            }),
            Value::Array(items) => match &node.arrays {
                Some(rules) => {
                    self.items(rules, items, at, seen.as_deref_mut(), report.as_deref_mut())
                }
                None => true,
            },
            Value::Object(members) => match &node.objects {
                Some(rules) => {
                    self.members(rules, members, at, seen.as_deref_mut(), report.as_deref_mut())
                }
                None => true,
            },
            Value::Null | Value::Bool(_) => true,
        };
        for schemas in &node.in_place {
            if !fits && report.is_none() {
                return false;
            }
            fits &= self.in_place(schemas, at, seen.as_deref_mut(), report.as_deref_mut());
        }
        fits
    }

    fn in_place<'a>(
        &'a self,
        schemas: &'a InPlace,
        at: At<'_, 'a>,
        mut seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        match schemas {
            InPlace::AllOf(ids) => {
                let mut fits = true;
                for id in ids {
                    fits &= self.node(*id, at, seen.as_deref_mut(), report.as_deref_mut());
                    if !fits && report.is_none() {
                        break;
                    }
                }
                fits
            }
            InPlace::AnyOf(ids) => {
                let mut fits = false;
                for id in ids {
                    fits |= self.alternative(*id, at, seen.as_deref_mut());
                    if fits && seen.is_none() {
                        return true;
                    }
                }
                fits || self.none_of(ids, at, report)
            }
            InPlace::OneOf(ids) => {
                let mut fitting = 0;
                for id in ids {
                    fitting += usize::from(self.alternative(*id, at, seen.as_deref_mut()));
                }
                match fitting {
                    0 => self.none_of(ids, at, report),
                    1 => true,
                    _ => at.fault(&mut report, || FaultKind::SeveralOf),
                }
            }
            InPlace::Not(id) => {
                !self.node(*id, at, None, None) || at.fault(&mut report, || FaultKind::Not)
            }
            InPlace::If { condition, then, otherwise } => {
                let branch = match self.alternative(*condition, at, seen.as_deref_mut()) {
                    true => then,
                    false => otherwise,
                };
                branch.is_none_or(|id| self.node(id, at, seen, report))
            }
            InPlace::Ref(id) => self.node(*id, at, seen, report),
            InPlace::DynamicRef { name, otherwise } => {
                let mut id = *otherwise;
                let mut scope = at.scope;
                while let Some(Scope { outer, resource }) = scope {
                    id = self.resources[resource.0 as usize].dynamic(name).unwrap_or(id);
                    scope = *outer;
                }
                self.node(id, at, seen, report)
            }
        }
    }

    /// Whether a value fits a schema that it need not fit. What was looked at counts only then.
    fn alternative(&self, id: NodeId, at: At<'_, '_>, seen: Seen<'_>) -> bool {
        let Some(seen) = seen else { return self.node(id, at, None, None) };
        let mut own = Evaluated::default();
        let fits = self.node(id, at, Some(&mut own), None);
        if fits {
            seen.add_those_of(&own);
        }
        fits
    }

    /// Tells for each of several schemas why the value does not fit.
    #[cold]
    fn none_of<'a>(
        &'a self,
        ids: &'a [NodeId],
        at: At<'_, 'a>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        at.fault(&mut report, || {
            FaultKind::NoneOf(ids.iter().map(|id| self.faults_at(*id, at)).collect())
        })
    }

    fn faults_at<'a>(&'a self, id: NodeId, at: At<'_, 'a>) -> Faults<'a> {
        let mut faults = Faults::default();
        self.node(id, at, None, Some(&mut faults));
        faults
    }

    fn items<'a>(
        &'a self,
        rules: &'a ArrayRules,
        items: &'a [Value],
        at: At<'_, 'a>,
        mut seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let mut fits = true;
        if let Some(limit) = rules.min_items
            && (items.len() as u64) < limit
        {
            fits = at.fault(&mut report, || FaultKind::MinItems(limit));
        }
        if let Some(limit) = rules.max_items
            && (items.len() as u64) > limit
        {
            fits = at.fault(&mut report, || FaultKind::MaxItems(limit));
        }
        if rules.unique && at.budget.take(items.len() as u64) && !all_different(items) {
            fits = at.fault(&mut report, || FaultKind::UniqueItems);
        }
        let schemas = rules.prefix.iter().copied().map(Some).chain(std::iter::repeat(rules.items));
        for ((index, value), id) in items.iter().enumerate().zip(schemas) {
            if !fits && report.is_none() {
                return false;
            }
            let Some(id) = id else { break };
            if let Some(seen) = &mut seen {
                seen.add(index);
            }
            let path = Path { outer: at.path, step: Step::Item(index) };
            let item = At { value, path: Some(&path), ..at };
            fits &= self.node(id, item, None, report.as_deref_mut());
        }
        if let Some(contains) = &rules.contains {
            fits &= self.contains(contains, items, at, seen, report);
        }
        fits
    }

    fn contains<'a>(
        &'a self,
        contains: &'a Contains,
        items: &'a [Value],
        at: At<'_, 'a>,
        mut seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let mut found = 0;
        for (index, value) in items.iter().enumerate() {
            if seen.is_none() && contains.max.is_none() && found >= contains.min {
                return true;
            }
            if self.node(contains.node, At { value, ..at }, None, None) {
                found += 1;
                if let Some(seen) = &mut seen {
                    seen.add(index);
                }
            }
        }
        if found < contains.min {
            return at.fault(&mut report, || {
                let one = items
                    .first()
                    .map(|value| self.faults_at(contains.node, At { value, path: None, ..at }));
                FaultKind::MinContains(contains.min, one.unwrap_or_default())
            });
        }
        match contains.max {
            Some(limit) if found > limit => at.fault(&mut report, || FaultKind::MaxContains(limit)),
            _ => true,
        }
    }

    fn members<'a>(
        &'a self,
        rules: &'a ObjectRules,
        members: &'a Map<String, Value>,
        at: At<'_, 'a>,
        mut seen: Seen<'_>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let mut fits = at.budget.take((members.len() + rules.required.len()) as u64);
        if let Some(limit) = rules.min_properties
            && (members.len() as u64) < limit
        {
            fits = at.fault(&mut report, || FaultKind::MinProperties(limit));
        }
        if let Some(limit) = rules.max_properties
            && (members.len() as u64) > limit
        {
            fits = at.fault(&mut report, || FaultKind::MaxProperties(limit));
        }
        fits &= require(&rules.required, members, at, &mut report);
        for (name, required) in &rules.dependent_required {
            if members.contains_key(name) {
                fits &= require(required, members, at, &mut report);
            }
        }
        for (index, (name, value)) in members.iter().enumerate() {
            if !fits && report.is_none() {
                return false;
            }
            if let Some(id) = rules.names {
                fits &= self.name(id, name, at, report.as_deref_mut());
            }
            let path = Path { outer: at.path, step: Step::Member(name) };
            let member = At { value, path: Some(&path), ..at };
            let mut known = false;
            if let Some(id) = rules.property(name) {
                known = true;
                fits &= self.node(id, member, None, report.as_deref_mut());
            }
            for (pattern, id) in &rules.patterns {
                if at.budget.take_text(name) && pattern.is_in(name) {
                    known = true;
                    fits &= self.node(*id, member, None, report.as_deref_mut());
                }
            }
            if !known && let Some(id) = rules.additional {
                known = true;
                fits &= self.other_member(id, name, at, member, report.as_deref_mut());
            }
            if known && let Some(seen) = &mut seen {
                seen.add(index);
            }
        }
        for (name, id) in &rules.dependent_schemas {
            if !fits && report.is_none() {
                return false;
            }
            if members.contains_key(name) {
                fits &= self.node(*id, at, seen.as_deref_mut(), report.as_deref_mut());
            }
        }
        fits
    }

    /// A member that no keyword names.
    fn other_member<'a>(
        &'a self,
        id: NodeId,
        name: &'a str,
        object: At<'_, 'a>,
        member: At<'_, 'a>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        if self.nodes[id.0 as usize].never {
            return object.fault(&mut report, || FaultKind::Unexpected(name));
        }
        self.node(id, member, None, report)
    }

    fn name<'a>(
        &'a self,
        id: NodeId,
        name: &'a str,
        at: At<'_, 'a>,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let value = Value::String(name.to_owned());
        let named = At { value: &value, path: None, ..at };
        self.node(id, named, None, None)
            || at.fault(&mut report, || {
                let mut expected = Expected::default();
                self.faults_at(id, named).known().iter().for_each(|fault| expected.add(fault));
                FaultKind::Name(name, expected.to_string())
            })
    }

    fn unevaluated<'a>(
        &'a self,
        node: &'a Node,
        at: At<'_, 'a>,
        own: &mut Evaluated,
        mut report: Report<'_, 'a>,
    ) -> bool {
        let mut fits = true;
        match (at.value, node.unevaluated_items, node.unevaluated_properties) {
            (Value::Array(items), Some(id), _) => {
                for (index, value) in items.iter().enumerate().filter(|(index, _)| !own.has(*index))
                {
                    let path = Path { outer: at.path, step: Step::Item(index) };
                    let item = At { value, path: Some(&path), ..at };
                    fits &= self.node(id, item, None, report.as_deref_mut());
                }
                own.add_all();
            }
            (Value::Object(members), _, Some(id)) => {
                let members = members.iter().enumerate();
                for (_, (name, value)) in members.filter(|(index, _)| !own.has(*index)) {
                    let path = Path { outer: at.path, step: Step::Member(name) };
                    let member = At { value, path: Some(&path), ..at };
                    fits &= self.other_member(id, name, at, member, report.as_deref_mut());
                }
                own.add_all();
            }
            _ => {}
        }
        fits
    }
}

impl NumberRules {
    fn check<'a>(&'a self, number: &Number, at: At<'_, 'a>, report: &mut Report<'_, 'a>) -> bool {
        let value = Numeric::of(number);
        let compare = |limit| value.compare(Numeric::of(limit));
        let mut fits = true;
        if let Some(limit) = &self.minimum
            && compare(limit) == Ordering::Less
        {
            fits = at.fault(report, || FaultKind::Minimum(limit));
        }
        if let Some(limit) = &self.exclusive_minimum
            && compare(limit) != Ordering::Greater
        {
            fits = at.fault(report, || FaultKind::ExclusiveMinimum(limit));
        }
        if let Some(limit) = &self.maximum
            && compare(limit) == Ordering::Greater
        {
            fits = at.fault(report, || FaultKind::Maximum(limit));
        }
        if let Some(limit) = &self.exclusive_maximum
            && compare(limit) != Ordering::Less
        {
            fits = at.fault(report, || FaultKind::ExclusiveMaximum(limit));
        }
        if let Some(multiple) = &self.multiple_of
            && !multiple.divides(number)
        {
            fits = at.fault(report, || FaultKind::MultipleOf(&multiple.number));
        }
        fits
    }
}

impl StringRules {
    fn check<'a>(&'a self, text: &str, at: At<'_, 'a>, report: &mut Report<'_, 'a>) -> bool {
        let mut fits = true;
        // A text has at most as many characters as bytes, and at least a quarter.
        let bytes = text.len() as u64;
        let length = || text.chars().count() as u64;
        if let Some(limit) = self.min_length
            && bytes / 4 < limit
            && (bytes < limit || length() < limit)
        {
            fits = at.fault(report, || FaultKind::MinLength(limit));
        }
        if let Some(limit) = self.max_length
            && bytes > limit
            && length() > limit
        {
            fits = at.fault(report, || FaultKind::MaxLength(limit));
        }
        if let Some(pattern) = &self.pattern
            && !pattern.is_in(text)
        {
            fits = at.fault(report, || FaultKind::Pattern(pattern.as_str()));
        }
        fits
    }
}

fn require<'a>(
    names: &'a [String],
    members: &Map<String, Value>,
    at: At<'_, 'a>,
    report: &mut Report<'_, 'a>,
) -> bool {
    let missing = names.iter().filter(|name| !members.contains_key(*name));
    missing.fold(true, |_, name| at.fault(report, || FaultKind::Required(name)))
}
